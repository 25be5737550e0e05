import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { readControlKey } from '#agents/enrol.ts';
import { makeFleet } from '#bench/fleet/make-fleet.ts';
import type { Scale } from '#bench/fleet/trees.ts';
import { WORK_FOLDER } from '#core/path-rules.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requestSync } from '#functions/request-sync.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import { ProcessFleet } from '#test/support/process-fleet.ts';
import { snapshotOfTree, type TreeSnapshot } from '#test/support/snapshot-of-tree.ts';

export const RELEASES = ['base', 'next'] as const;
export type Release = (typeof RELEASES)[number];

/** Whom a kill can meet. */
export const CONTROLLER = 'controller';
export type Victim = ServerId | typeof CONTROLLER;

/** Two sources, each with its release, and two destinations that go from the one to the other and back. */
export class SoakedFleet {
  readonly destinations = ['b/one', 'c/two'].map((id) => serverIdSchema.parse(id));
  readonly #fleet: ProcessFleet;
  readonly #releases = new Map<Release, TreeSnapshot>();
  #controlKey = '';

  constructor(folder: string) {
    this.#fleet = new ProcessFleet(folder);
  }

  async start(scale: Scale): Promise<void> {
    const all = [...RELEASES.map(sourceOf), ...this.destinations];
    await this.#fleet.start(Object.fromEntries(all.map((server) => [server, {}])));
    for (const release of RELEASES) {
      makeFleet(this.#fleet.rootOf(sourceOf(release)), scale, release);
      this.#releases.set(release, filesOf(this.#fleet.rootOf(sourceOf(release))));
    }
    for (const server of this.destinations) makeFleet(this.#fleet.rootOf(server), scale, 'base');
    this.#controlKey = (await readControlKey(this.#fleet.store)) ?? '';
  }

  /** Requested and, as soon as it is planned, approved. */
  async sync(release: Release, random: () => string): Promise<SyncId> {
    const { store } = this.#fleet;
    const now = () => new Date();
    const sync = await requestSync(
      { store, executions: new StoreExecutions(store), now, random },
      {
        requestedBy: 'requester',
        source: sourceOf(release),
        destinations: this.destinations,
        policy: { mode: 'mirror', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: false },
        waveSize: 10,
        errorBudget: this.destinations.length,
        timeouts: { offlineSeconds: 600, inventorySeconds: 3600, applySeconds: 3600, approvalSeconds: 3600 },
        notify: [],
      },
    );
    return sync;
  }

  /** False once there is nothing to approve any more. */
  async approve(sync: SyncId): Promise<boolean> {
    const { store } = this.#fleet;
    const plan = await loadPlan(store, sync, this.#controlKey);
    if (plan === undefined) return false;
    if (!plan.destinations.some(({ outcome }) => outcome === 'changes')) return true;
    const cast = { sync, plan: plan.digest, decision: 'APPROVED', by: 'approver', via: 'soak' } as const;
    await castVote({ store, now: () => new Date(), controlKey: this.#controlKey }, cast);
    return true;
  }

  verdict(sync: SyncId): Promise<SyncVerdict | undefined> {
    return findVerdict(this.#fleet.store, sync);
  }

  /** Killed as it stands, and started again. Says what it was at. */
  async kill(victim: Victim): Promise<string> {
    if (victim === CONTROLLER) {
      await this.#fleet.killController();
      await this.#fleet.startController();
      return 'controller';
    }
    await this.#fleet.killAgent(victim);
    const place = this.#placeOf(victim);
    this.#fleet.startAgent(victim);
    return place;
  }

  /** Which release the destination holds, wholly; `undefined` for a mixture. */
  releaseOf(server: ServerId): Release | undefined {
    const licenses = (path: string) => path.startsWith('Licenses/');
    const found = filesOf(this.#fleet.rootOf(server), licenses);
    return RELEASES.find((release) => isSame(found, this.#releases.get(release), licenses));
  }

  /** Of the server's license files: they never change. */
  licensesOf(server: ServerId): string {
    return JSON.stringify([...snapshotOfTree(join(this.#fleet.rootOf(server), 'Licenses'))]);
  }

  /** What is left of an apply, once its agent has had the time to clear it away. */
  async leftoversOf(server: ServerId): Promise<readonly string[]> {
    for (let round = 1; ; round++) {
      const found = this.#workOf(server).filter((name) => name !== 'pre-images' && name !== 'staged');
      if (found.length === 0 || round === ROUNDS) return found;
      await sleep(100);
    }
  }

  stop(): Promise<void> {
    return this.#fleet.stop();
  }

  isSource(victim: Victim): boolean {
    return RELEASES.some((release) => sourceOf(release) === victim);
  }

  #workOf(server: ServerId): string[] {
    const folder = join(this.#fleet.rootOf(server), WORK_FOLDER);
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  /** As the files say. */
  #placeOf(server: ServerId): string {
    if (this.isSource(server)) return 'source';
    const work = this.#workOf(server).filter((name) => name.startsWith('apply-'));
    const isSwapping = work.some((name) =>
      existsSync(join(this.#fleet.rootOf(server), WORK_FOLDER, name, 'journal.ndjson')),
    );
    return isSwapping ? 'destination, swapping' : work.length > 0 ? 'destination, staging' : 'destination';
  }
}

export function sourceOf(release: Release): ServerId {
  return serverIdSchema.parse(`a/${release}`);
}

/** Folders are no part of a state. */
function filesOf(root: string, isLeftOut: (path: string) => boolean = () => false): TreeSnapshot {
  const all = [...snapshotOfTree(root, WORK_FOLDER)];
  return new Map(all.filter(([path]) => !path.endsWith('/') && !isLeftOut(path)));
}

function isSame(found: TreeSnapshot, release: TreeSnapshot | undefined, isLeftOut: (path: string) => boolean): boolean {
  const wanted = [...(release ?? [])].filter(([path]) => !isLeftOut(path));
  return wanted.length === found.size && wanted.every(([path, line]) => found.get(path) === line);
}

const ROUNDS = 300;
