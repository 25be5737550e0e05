import type { SweepResult, SweepTask } from '../children/sweep.ts';
import type { Contender, Sample } from '../contender.ts';
import type { Workspace } from '../workspace.ts';
import { runOwn } from './own-program.ts';

/** What other average sizes of chunks would come to, for base and then next. */
export class LockstepSweep implements Contender {
  readonly #workspace: Workspace;
  readonly #folder: string;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    this.#folder = workspace.place('sweep');
  }

  async prepare(): Promise<void> {
    for (const release of ['base', 'next'] as const) this.#workspace.fleet(release);
  }

  async reset(): Promise<void> {}

  async run(): Promise<Sample> {
    const [base, next] = [this.#workspace.fleet('base'), this.#workspace.fleet('next')];
    const task: SweepTask = { base, next, folder: this.#folder };
    const { result, sample } = await runOwn<SweepResult>('sweep', task, this.#workspace);
    return { ...sample, sweep: result.rows };
  }

  async dispose(): Promise<void> {
    this.#workspace.drop(this.#folder);
  }
}
