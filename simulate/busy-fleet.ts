import { DECISION_FORMAT, type Decision, VOTE_FORMAT } from '#core/approval.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { type Fleet, fleetSchema } from '#core/fleet.ts';
import { keys, orderId } from '#core/keys.ts';
import { ORDER_FORMAT, type Order } from '#core/order.ts';
import { PLAN_FORMAT, type Plan, type PlannedDestination, planDigest } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import {
  CONTROL_KEY_FORMAT,
  ENROLMENT_FORMAT,
  PROGRESS_FORMAT,
  RECEIPT_FORMAT,
  type Receipt,
  STATUS_FORMAT,
} from '#core/receipt.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import { createSyncId, SYNC_FORMAT, type SyncId, type SyncPolicy, type SyncRequest } from '#core/sync.ts';
import { type DestinationVerdict, type SyncVerdict, VERDICT_FORMAT } from '#core/verdict.ts';
import { lookAtAll } from '#functions/look-at-all.ts';
import { MemorySigner } from './memory-signer.ts';

interface BusyFleetShape {
  /** Destinations of the sync under way; the source is one more. */
  readonly servers: number;
  readonly waveSize: number;
  /** Syncs that have ended; every tenth of them, the newest included, was of the whole fleet. */
  readonly past: number;
}

/**
 * What a store holds of a large fleet in the midst of a sync: one server in twenty has failed or has drifted, one in fifty
 * is offline. Nobody works for it: `advance` writes what agents and functions would have written meanwhile.
 */
export class BusyFleet {
  readonly controlKey: string;
  readonly sync: SyncId;
  readonly #store: ObjectStore;
  readonly #shape: BusyFleetShape;
  readonly #signer = new MemorySigner();
  readonly #agents: ReadonlyMap<ServerId, MemorySigner>;
  readonly #source: ServerId;
  readonly #destinations: readonly ServerId[];
  readonly #plan: Plan;
  #wave = 0;
  #step = 0;

  constructor(store: ObjectStore, shape: BusyFleetShape, now: Date) {
    this.#store = store;
    this.#shape = shape;
    this.controlKey = this.#signer.publicKey;
    this.sync = createSyncId(now, 'abcde');
    const [source = NOBODY, ...destinations] = Array.from({ length: shape.servers + 1 }, (_, number) =>
      serverOf(number),
    );
    this.#source = source;
    this.#destinations = destinations;
    this.#agents = new Map([source, ...destinations].map((server) => [server, new MemorySigner()]));
    this.#plan = planOf({ sync: this.sync, source, destinations, now });
  }

  /** Up to the midst of the wave of this number, the sync having begun so long ago. */
  async make(now: Date, { begun = now, wave }: { readonly wave: number; readonly begun?: Date }): Promise<void> {
    const { format, publicKey } = { format: CONTROL_KEY_FORMAT, publicKey: this.controlKey };
    await this.#put(keys.controlKey(), { format, publicKey });
    await this.#put(keys.fleet(), fleetOf([this.#source, ...this.#destinations]));
    await lookAtAll([...this.#agents], ([server, signer]) => this.#enrol(server, signer, now));
    for (let number = 1; number <= this.#shape.past; number++) await this.#writePast(number, now);
    await this.#put(keys.request(this.sync), this.#requestOf(this.sync, this.#destinations, begun));
    await this.#put(keys.inventoryItems(this.sync), []);
    await this.#put(keys.plan(this.sync), await sign(this.#plan, this.#signer));
    await this.#put(keys.approvalRequested(this.sync), { plan: this.#plan.digest, at: begun.toISOString() });
    await this.#put(keys.decision(this.sync), decisionOn(this.#plan, begun));
    while (this.#wave < wave) await this.#endWave(begun);
    await this.#beginWave(now);
    await this.advance(now);
  }

  /** Every agent at work says how far it is; a tenth of them have done, and the last of a wave ends it. */
  async advance(now: Date): Promise<void> {
    this.#step++;
    const servers = this.#serversOfWave();
    const done = Math.min(servers.length, Math.floor((servers.length * this.#step) / STEPS));
    await lookAtAll(servers.slice(done), (server) => this.#reportProgress(server, now));
    await lookAtAll(servers.slice(Math.max(0, done - Math.ceil(servers.length / STEPS)), done), (server) =>
      this.#answer(server, now),
    );
    if (done < servers.length || (this.#wave + 1) * this.#shape.waveSize >= this.#destinations.length) return;
    this.#wave++;
    await this.#beginWave(now);
  }

  /** Every agent that is there says that it is. */
  async saySeen(now: Date): Promise<void> {
    const there = [...this.#agents].filter(([server]) => !isOffline(server));
    await lookAtAll(there, ([server, signer]) => this.#sayStatus(server, signer, now.toISOString()));
  }

  async end(now: Date): Promise<void> {
    await this.#put(keys.verdict(this.sync), this.#verdictOf(this.sync, this.#destinations, now));
  }

  #serversOfWave(): readonly ServerId[] {
    const { waveSize } = this.#shape;
    return this.#destinations.slice(this.#wave * waveSize, (this.#wave + 1) * waveSize);
  }

  async #beginWave(now: Date): Promise<void> {
    this.#step = 0;
    const servers = this.#serversOfWave();
    await this.#put(
      keys.waveItems(this.sync, this.#wave),
      servers.map((server) => ({ server })),
    );
    await lookAtAll(servers, async (server) => {
      const order = await sign(this.#orderOf(server, 2, now), this.#signer);
      await this.#put(keys.orderRecord(this.sync, 'apply', server), order);
      await this.#put(keys.currentOrder(server), order);
    });
  }

  async #endWave(now: Date): Promise<void> {
    await this.#beginWave(now);
    await lookAtAll(this.#serversOfWave(), (server) => this.#answer(server, now));
    this.#wave++;
  }

  async #enrol(server: ServerId, signer: MemorySigner, now: Date): Promise<void> {
    const seenAt = new Date(now.getTime() - (isOffline(server) ? 3_600_000 : 0)).toISOString();
    const { publicKey } = signer;
    await this.#put(keys.enrolment(server), { format: ENROLMENT_FORMAT, server, publicKey, enrolledAt: seenAt });
    await this.#sayStatus(server, signer, seenAt);
    await this.#put(keys.currentOrder(server), await sign(this.#orderOf(server, 1, now), this.#signer));
  }

  async #sayStatus(server: ServerId, signer: MemorySigner, seenAt: string): Promise<void> {
    const orders = { newest: 1, since: seenAt, lookedAt: seenAt };
    const status = { format: STATUS_FORMAT, server, seenAt, agent: '0.1.0', lastSequence: 1, orders } as const;
    await this.#put(keys.status(server), await sign(status, signer));
  }

  async #writePast(number: number, now: Date): Promise<void> {
    const at = new Date(now.getTime() - number * PAST_MILLISECONDS);
    const sync = createSyncId(at, 'abcde');
    const some = number % 10 === 1 ? this.#destinations : this.#destinations.slice(0, 5);
    await this.#put(keys.request(sync), this.#requestOf(sync, some, at));
    await this.#put(keys.verdict(sync), this.#verdictOf(sync, some, at));
  }

  #orderOf(server: ServerId, sequence: number, now: Date): Order {
    const [issuedAt, expiresAt] = [now.toISOString(), new Date(now.getTime() + 60_000).toISOString()];
    const order = orderId(this.sync, 'apply', server);
    const { digest: plan, sync } = this.#plan;
    return {
      ...{ format: ORDER_FORMAT, order, sync, server, sequence, issuedAt, expiresAt },
      ...{ step: 'apply', plan, part: sha256(`part of ${server}`) },
    };
  }

  #requestOf(sync: SyncId, destinations: readonly ServerId[], at: Date): SyncRequest {
    const { servers, waveSize } = this.#shape;
    return {
      ...{ format: SYNC_FORMAT, sync, requestedBy: 'requester', requestedAt: at.toISOString(), source: this.#source },
      ...{ destinations: [...destinations], policy: POLICY, waveSize, errorBudget: servers, notify: [] },
      timeouts: { offlineSeconds: 60, inventorySeconds: 3600, applySeconds: 3600, approvalSeconds: 3600 },
    };
  }

  #verdictOf(sync: SyncId, destinations: readonly ServerId[], at: Date): SyncVerdict {
    const time = at.toISOString();
    const judged = destinations.map((server): DestinationVerdict => {
      const receipt = keys.receipt(server, orderId(sync, 'apply', server));
      const common = {
        server,
        changes: { create: 2, update: 40, remove: 1, keep: 4000 },
        protected: 3,
        unrecognised: 0,
      };
      if (!isBad(server))
        return { ...common, verdict: 'SUCCEEDED', bytesFetched: 40_000_000, secondsFetching: 9, receipt };
      return { ...common, verdict: 'ROLLED_BACK', detail: DETAIL, bytesFetched: 40_000_000, receipt };
    });
    const source = { server: this.#source, manifest: null, artifacts: 4000, bytes: 9e9, bytesUploaded: 4e7 };
    return {
      ...{ format: VERDICT_FORMAT, sync, verdict: 'FAILED', plan: this.#plan.digest, mode: 'overwrite', source },
      ...{ destinations: judged, startedAt: time, finishedAt: time },
    };
  }

  async #reportProgress(server: ServerId, now: Date): Promise<void> {
    const order = orderId(this.sync, 'apply', server);
    const bytesDone = 4_000_000 * this.#step + server.length;
    const counts = { filesDone: this.#step, filesTotal: 42, bytesDone, bytesTotal: 40_000_000 };
    const progress = {
      format: PROGRESS_FORMAT,
      order,
      server,
      at: now.toISOString(),
      stage: 'fetching',
      ...counts,
    } as const;
    await this.#put(keys.progress(server, order), await sign(progress, this.#signerOf(server)));
  }

  async #answer(server: ServerId, now: Date): Promise<void> {
    const order = orderId(this.sync, 'apply', server);
    const [startedAt, finishedAt] = [now.toISOString(), new Date(now.getTime() + 1000).toISOString()];
    const common = {
      format: RECEIPT_FORMAT,
      order,
      sync: this.sync,
      server,
      startedAt,
      finishedAt,
      step: 'apply',
    } as const;
    const states = { state: sha256('state'), protectedState: sha256('protected') };
    const receipt: Receipt = isBad(server)
      ? { ...common, outcome: 'ROLLED_BACK', detail: DETAIL }
      : {
          ...common,
          ...{
            outcome: 'SUCCEEDED',
            plan: this.#plan.digest,
            part: sha256(`part of ${server}`),
            before: states,
            after: states,
          },
          ...{ changes: { create: 2, update: 40, remove: 1, keep: 4000 }, bytesFetched: 4e7, secondsFetching: 9 },
        };
    await this.#put(keys.receipt(server, order), await sign(receipt, this.#signerOf(server)));
  }

  #signerOf(server: ServerId): MemorySigner {
    return this.#agents.get(server) ?? this.#signer;
  }

  async #put(key: string, value: unknown): Promise<void> {
    await this.#store.put(key, encodeDocument(value));
  }
}

function serverOf(number: number): ServerId {
  const site = String(Math.floor(number / SERVERS_OF_A_SITE)).padStart(3, '0');
  return serverIdSchema.parse(`plant-${site}/line-controller-${String(number).padStart(5, '0')}`);
}

function isBad(server: ServerId): boolean {
  return Number(server.slice(-5)) % 20 === 7;
}

function isOffline(server: ServerId): boolean {
  return Number(server.slice(-5)) % 50 === 3;
}

function fleetOf(servers: readonly ServerId[]): Fleet {
  const sites = Map.groupBy(servers, (server) => server.slice(0, server.indexOf('/')));
  const named = [...sites].map(([site, some]) => [site, { servers: some.map((one) => one.slice(site.length + 1)) }]);
  return fleetSchema.parse({ fleet: 'plant', sites: Object.fromEntries(named) });
}

function planOf(of: {
  readonly sync: SyncId;
  readonly source: ServerId;
  readonly destinations: readonly ServerId[];
  readonly now: Date;
}): Plan {
  const { destinations, now, source, sync } = of;
  const plan: Omit<Plan, 'digest'> = {
    format: PLAN_FORMAT,
    sync,
    createdAt: now.toISOString(),
    expiresAt: new Date(now.getTime() + 3_600_000).toISOString(),
    requestedBy: 'requester',
    policy: POLICY,
    source: {
      ...{
        server: source,
        manifest: sha256('manifest'),
        artifacts: 4000,
        bytes: 9e9,
        bytesUploaded: 4e7,
        protected: 3,
      },
      ...{ leftOut: 0, leftOutNotable: [] },
    },
    destinations: destinations.map(plannedFor),
  };
  return { ...plan, digest: planDigest(plan) };
}

function plannedFor(server: ServerId): PlannedDestination {
  const counts = { create: 2, update: 40, remove: 1, keep: 4000 };
  return {
    ...{ outcome: 'changes', server, part: sha256(`part of ${server}`), counts, bytes: 4e7 },
    ...{ classes: { configuration: { ...counts, bytes: 4e7 } }, notable: [], protected: 3, unrecognised: 0 },
  };
}

function decisionOn({ digest: plan, sync }: Plan, now: Date): Decision {
  const word = { sync, plan, decision: 'APPROVED' } as const;
  const at = now.toISOString();
  return {
    format: DECISION_FORMAT,
    ...word,
    votes: [{ format: VOTE_FORMAT, ...word, by: 'approver', via: 'simulation', at }],
  };
}

const POLICY: SyncPolicy = {
  mode: 'overwrite',
  allowShrink: false,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: false,
};
const DETAIL = 'the check after the apply ended with status 1: the former files are back';
const NOBODY = serverIdSchema.parse('no/body');
const SERVERS_OF_A_SITE = 25;
const STEPS = 10;
const PAST_MILLISECONDS = 7_200_000;
