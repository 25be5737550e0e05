import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { SyncResult, SyncTask } from '../children/sync.ts';
import type { Contender, Sample, Wire } from '../contender.ts';
import type { Shape } from '../lane.ts';
import { resetTree } from '../reset-tree.ts';
import { sumTraffic } from '../traffic-meter.ts';
import { copyFolder, makeEmpty, type Step, type Workspace } from '../workspace.ts';
import { runOwn } from './own-program.ts';

/**
 * A whole sync of one destination. Before a step from one release to another, the destination was brought to the
 * first by the same means, and both agents have looked at it twice: they remember what agents remember.
 */
export class LockstepSync implements Contender {
  readonly #workspace: Workspace;
  readonly #step: Step;
  readonly #line: Shape | undefined;
  readonly #folder: string;

  constructor(workspace: Workspace, step: Step, line?: Shape) {
    this.#workspace = workspace;
    this.#step = step;
    this.#line = line;
    this.#folder = workspace.place('lockstep');
  }

  async prepare(): Promise<void> {
    const { from, to } = this.#step;
    if (from === undefined) {
      await resetTree(this.#path('source'), this.#workspace.fleet(to), this.#workspace.signal);
      return;
    }
    await resetTree(this.#path('source'), this.#workspace.fleet(from), this.#workspace.signal);
    makeEmpty(this.#path('destination'));
    for (let look = 0; look < 2; look++) await this.#sync();
    if (from === to) return;
    await resetTree(this.#path('source'), this.#workspace.fleet(to), this.#workspace.signal);
    for (const name of ['store', 'state']) await rename(this.#path(name), this.#path(`${name}-before`));
  }

  async reset(): Promise<void> {
    const { from, to } = this.#step;
    if (from === to) return;
    for (const name of ['store', 'state']) this.#workspace.drop(this.#path(name));
    if (from === undefined) {
      makeEmpty(this.#path('destination'));
      return;
    }
    await resetTree(this.#path('destination'), this.#workspace.fleet(from), this.#workspace.signal);
    const { signal } = this.#workspace;
    // A store's objects are never changed in place; an agent's own files may be.
    await copyFolder({ from: this.#path('store-before'), to: this.#path('store'), byLink: true }, signal);
    await copyFolder({ from: this.#path('state-before'), to: this.#path('state') }, signal);
  }

  async run(): Promise<Sample> {
    const { sample, result } = await this.#sync(this.#line);
    return { ...sample, stages: result.stages, wire: wireOf(result) };
  }

  async dispose(): Promise<void> {
    this.#workspace.drop(this.#folder);
  }

  #sync(line?: Shape) {
    const task: SyncTask = {
      store: this.#path('store'),
      state: this.#path('state'),
      source: this.#path('source'),
      destination: this.#path('destination'),
      ...(line !== undefined && { line }),
    };
    return runOwn<SyncResult>('sync', task, this.#workspace);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** What the servers' lines carry; the control plane stands beside the store. */
function wireOf({ parties }: SyncResult): Wire {
  const { up, down, requests, bodiesUp, bodiesDown } = sumTraffic([parties.source, parties.destination]);
  return { up, down, requests, bodies: bodiesUp + bodiesDown, parties };
}
