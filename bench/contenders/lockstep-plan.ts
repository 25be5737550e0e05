import { join } from 'node:path';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { keys } from '#core/keys.ts';
import { syncIdSchema } from '#core/sync.ts';
import type { PlanResult, PlanTask } from '../children/plan.ts';
import type { PreparePlanTask } from '../children/prepare-plan.ts';
import type { Contender, Sample } from '../contender.ts';
import { runProgram } from '../run-program.ts';
import { makeEmpty, type Workspace } from '../workspace.ts';
import { ownProgram, runOwn } from './own-program.ts';

const SYNC = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
const ENTRIES = { full: 1_000_000, small: 50_000 } as const;

/** The plan function over two manifests of which one entry in a hundred differs. */
export class LockstepPlan implements Contender {
  readonly #workspace: Workspace;
  readonly #folder: string;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    this.#folder = workspace.place('plan');
  }

  async prepare(): Promise<void> {
    makeEmpty(this.#path('state'));
    const entries = ENTRIES[this.#workspace.scale];
    const task: PreparePlanTask = { store: this.#path('store'), state: this.#path('state'), sync: SYNC, entries };
    await runProgram(await ownProgram('prepare-plan', task, this.#workspace), this.#workspace.signal);
  }

  /** A plan once made stays: away with it. */
  async reset(): Promise<void> {
    await new DirectoryStore(this.#path('store')).delete(keys.plan(SYNC));
  }

  async run(): Promise<Sample> {
    const task: PlanTask = { store: this.#path('store'), state: this.#path('state'), sync: SYNC };
    return (await runOwn<PlanResult>('plan', task, this.#workspace)).sample;
  }

  async dispose(): Promise<void> {
    this.#workspace.drop(this.#folder);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
