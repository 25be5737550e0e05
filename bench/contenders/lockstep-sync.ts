import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { assertHolds } from '../assert-holds.ts';
import type { SyncResult, SyncTask } from '../children/sync.ts';
import type { Contender, Sample, Wire } from '../contender.ts';
import { copyFolder, isDigestName } from '../copy-folder.ts';
import type { Shape } from '../lane.ts';
import { rememberFiles } from '../remember-files.ts';
import { resetTree } from '../reset-tree.ts';
import { NO_TRAFFIC, sumTraffic } from '../traffic-meter.ts';
import { makeEmpty, type Step, type Workspace } from '../workspace.ts';
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
    const { from, through = [], to } = this.#step;
    const { signal } = this.#workspace;
    await resetTree({ folder: this.#path('source'), wanted: this.#workspace.fleet(from ?? to) }, signal);
    if (from === undefined) return;
    makeEmpty(this.#path('destination'));
    for (let look = 0; look < 2; look++) await this.#sync('destination');
    if (from === to) return;
    for (const release of through) {
      await resetTree({ folder: this.#path('source'), wanted: this.#workspace.fleet(release) }, signal);
      makeEmpty(this.#path('another'));
      await this.#sync('another');
    }
    this.#workspace.drop(this.#path('another'));
    await resetTree({ folder: this.#path('source'), wanted: this.#workspace.fleet(to) }, signal);
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
    const { signal } = this.#workspace;
    await resetTree({ folder: this.#path('destination'), wanted: this.#workspace.fleet(from) }, signal);
    for (const name of ['store', 'state']) {
      await copyFolder({ from: this.#path(`${name}-before`), to: this.#path(name), isShared: isDigestName }, signal);
    }
    await rememberFiles({ folder: this.#path('destination'), state: this.#path('state') }, signal);
  }

  async run(): Promise<Sample> {
    const { sample, result } = await this.#sync('destination', this.#line);
    await assertHolds(this.#path('destination'), this.#workspace.fleet(this.#step.to), this.#workspace.signal);
    return { ...sample, stages: result.stages, wire: wireOf(result) };
  }

  async dispose(): Promise<void> {
    this.#workspace.drop(this.#folder);
  }

  #sync(destination: 'destination' | 'another', line?: Shape) {
    const task: SyncTask = {
      store: this.#path('store'),
      state: this.#path('state'),
      source: this.#path('source'),
      destination: this.#path(destination),
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
  const servers = [parties.source, parties.destination];
  const { up, down, requests, puts, bodiesUp, bodiesDown } = sumTraffic(servers);
  const content = sumTraffic(servers.flatMap(({ kinds }) => CONTENT.map((kind) => kinds[kind] ?? NO_TRAFFIC)));
  const packs = sumTraffic(servers.map(({ kinds }) => kinds.packs ?? NO_TRAFFIC));
  return {
    up,
    down,
    requests,
    puts,
    uploads: content.puts,
    uploaded: content.bodiesUp,
    packs: packs.bodiesUp + packs.bodiesDown,
    bodies: bodiesUp + bodiesDown,
    parties,
  };
}

/** What a source uploads. */
const CONTENT = ['packs', 'indexes', 'snapshots', 'manifests'];
