import { MemoryStore } from '#adapters/memory-store.ts';
import { DECISION_FORMAT, VOTE_FORMAT } from '#core/approval.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { fleetSchema, fleetServers } from '#core/fleet.ts';
import { keys, type OrderStep, orderId } from '#core/keys.ts';
import { ORDER_FORMAT } from '#core/order.ts';
import { PLAN_FORMAT, type Plan, type PlannedDestination, planDigest, planSchema } from '#core/plan.ts';
import { PROGRESS_FORMAT, type Progress, RECEIPT_FORMAT, STATUS_FORMAT } from '#core/receipt.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import { SYNC_FORMAT, type SyncId, type SyncRequest, syncIdSchema, syncRequestSchema } from '#core/sync.ts';
import { VERDICT_FORMAT } from '#core/verdict.ts';
import { FakeAgent } from '#test/support/fake-agent.ts';
import { createKeySigner } from '#test/support/key-signer.ts';

/** When the pictures are taken. */
export const NOW = new Date('2026-03-03T14:06:21.000Z');

const RUNNING = syncIdSchema.parse('20260303T140248Z-1f40a1b2');
const WAITING = syncIdSchema.parse('20260303T135510Z-0c31d2e3');
const ENDED = syncIdSchema.parse('20260302T060002Z-0440a9b8');
const [SOURCE, ...OTHERS] = ['line-a/tm1', 'line-a/tm2', 'line-b/tm1', 'line-b/tm2', 'line-c/tm1', 'line-c/tm2'].map(
  (id) => serverIdSchema.parse(id),
) as [ServerId, ...ServerId[]];

export interface Plant {
  readonly store: MemoryStore;
  readonly controlKey: string;
  readonly running: SyncId;
  readonly waiting: SyncId;
  readonly ended: SyncId;
}

/** A plant in the middle of its afternoon, the same every time: one sync runs, another waits, a third has ended. */
export async function createPlant(): Promise<Plant> {
  const plant = new PlantBuilder();
  await plant.addServers();
  await plant.addEnded();
  await plant.addWaiting();
  await plant.addRunning();
  return { store: plant.store, controlKey: plant.signer.publicKey, running: RUNNING, waiting: WAITING, ended: ENDED };
}

class PlantBuilder {
  readonly store = new MemoryStore();
  readonly signer = createKeySigner();
  readonly #agents = new Map<ServerId, FakeAgent>();

  async addServers(): Promise<void> {
    const sites = Object.fromEntries(['a', 'b', 'c'].map((line) => [`line-${line}`, { servers: ['tm1', 'tm2'] }]));
    const fleet = fleetSchema.parse({ fleet: 'north', sites });
    await this.#put(keys.fleet(), fleet);
    for (const server of fleetServers(fleet)) {
      const agent = await FakeAgent.enrol(this.store, server, []);
      this.#agents.set(server, agent);
      const seenAt = server === 'line-c/tm2' ? at('11:40:02') : at('14:06:19');
      const status = { format: STATUS_FORMAT, server, seenAt, agent: '0.1.0', lastSequence: 3 } as const;
      await this.#put(keys.status(server), await sign(status, agent.signer));
    }
  }

  async addEnded(): Promise<void> {
    const request = await this.#request(ENDED, OTHERS.slice(0, 4), '2026-03-02T06:00:02.112Z');
    await this.#put(keys.verdict(ENDED), {
      format: VERDICT_FORMAT,
      sync: ENDED,
      verdict: 'SUCCEEDED',
      plan: sha256('plan'),
      mode: 'overwrite',
      source: { server: SOURCE, manifest: sha256('manifest'), artifacts: 1284, bytes: 486_000_000, bytesUploaded: 0 },
      destinations: request.destinations.map((server) => ({
        server,
        verdict: 'SUCCEEDED',
        changes: { create: 2, update: 31, remove: 0, keep: 1251 },
        protected: 3,
        unrecognised: 0,
        bytesFetched: 8_400_000,
        receipt: keys.receipt(server, orderId(ENDED, 'apply', server)),
      })),
      startedAt: '2026-03-02T06:00:02.112Z',
      finishedAt: '2026-03-02T06:04:40.500Z',
    });
  }

  async addWaiting(): Promise<void> {
    const edits = {
      since: '2026-03-02T06:04:40.500Z',
      count: 1,
      files: [{ edit: 'edited', path: 'config/alarms.xml' }],
    };
    const destinations = [changesAt('line-c/tm2', { localEdits: edits, ...REMOVALS })];
    await this.#request(WAITING, [serverIdSchema.parse('line-c/tm2')], at('13:55:10'), 'mirror');
    await this.#plan(WAITING, destinations, at('13:55:52'), 'mirror');
    await this.#create(keys.approvalRequested(WAITING), { plan: sha256('any'), at: at('13:55:53') });
  }

  async addRunning(): Promise<void> {
    const servers = OTHERS.slice(0, 4);
    await this.#request(RUNNING, servers, at('14:02:48'));
    for (const [index, server] of [SOURCE, ...servers].entries())
      await this.#receipt(server, 'inventory', { startedAt: at('14:02:49'), finishedAt: at(`14:03:0${index + 3}`) });
    const plan = await this.#plan(
      RUNNING,
      servers.map((server) => changesAt(server)),
      at('14:03:11'),
    );
    await this.#create(keys.approvalRequested(RUNNING), { plan: plan.digest, at: at('14:03:12') });
    const vote = {
      ...{ format: VOTE_FORMAT, sync: RUNNING, plan: plan.digest, decision: 'APPROVED', by: 'shift lead' },
      ...{ via: 'console', at: at('14:04:58'), comment: 'line B is stopped until 14:30' },
    };
    await this.#create(keys.vote(RUNNING, sha256(vote.by)), vote);
    const decision = { format: DECISION_FORMAT, sync: RUNNING, plan: plan.digest, decision: 'APPROVED', votes: [vote] };
    await this.#create(keys.decision(RUNNING), decision);
    await this.#applying(servers);
  }

  async #applying([first, second, third, fourth]: readonly ServerId[]): Promise<void> {
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) return;
    await this.#create(keys.waveItems(RUNNING, 0), [{ server: first }, { server: second }]);
    for (const server of [first, second]) await this.#order(server, at('14:05:01'));
    await this.#receipt(first, 'apply', { startedAt: at('14:05:02'), finishedAt: at('14:05:29'), seconds: 14 });
    await this.#receipt(second, 'apply', { startedAt: at('14:05:04'), finishedAt: at('14:05:41'), seconds: 21 });
    await this.#create(keys.waveItems(RUNNING, 1), [{ server: third }, { server: fourth }]);
    for (const server of [third, fourth]) await this.#order(server, at('14:05:42'));
    await this.#progress(third, { stage: 'verifying', filesDone: 24, filesTotal: 33, bytesDone: 0, bytesTotal: 0 });
    const bytes = { bytesDone: 5_700_000, bytesTotal: 8_400_000 };
    await this.#progress(fourth, { stage: 'fetching', filesDone: 0, filesTotal: 33, ...bytes });
  }

  async #request(
    sync: SyncId,
    destinations: readonly ServerId[],
    requestedAt: string,
    mode = 'overwrite',
  ): Promise<SyncRequest> {
    const request = syncRequestSchema.parse({
      ...{ format: SYNC_FORMAT, sync, requestedBy: 'process engineer', requestedAt, source: SOURCE, destinations },
      ...{ policy: policyOf(mode), waveSize: 2, errorBudget: 0, notify: ['approvers@example.org'] },
      timeouts: { offlineSeconds: 60, inventorySeconds: 3600, applySeconds: 3600, approvalSeconds: 86_400 },
    });
    await this.#create(keys.request(sync), request);
    return request;
  }

  async #plan(sync: SyncId, destinations: readonly object[], createdAt: string, mode = 'overwrite'): Promise<Plan> {
    const bound = {
      sync,
      policy: policyOf(mode),
      expiresAt: '2026-03-04T14:00:00.000Z',
      destinations: destinations as PlannedDestination[],
    };
    const plan = planSchema.parse({
      ...bound,
      ...{ format: PLAN_FORMAT, createdAt, requestedBy: 'process engineer', digest: planDigest(bound as Plan) },
      source: {
        ...{
          server: SOURCE,
          manifest: sha256('manifest'),
          artifacts: 1284,
          bytes: 486_000_000,
          bytesUploaded: 8_400_000,
        },
        ...{ protected: 3, leftOut: 0, leftOutNotable: [] },
      },
    });
    await this.#create(keys.plan(sync), await sign(plan, this.signer));
    return plan;
  }

  async #order(server: ServerId, issuedAt: string): Promise<void> {
    const order = {
      ...{ format: ORDER_FORMAT, order: orderId(RUNNING, 'apply', server), sync: RUNNING, server, sequence: 3 },
      ...{ issuedAt, expiresAt: '2026-03-03T15:00:00.000Z', step: 'apply', plan: sha256('plan'), part: sha256('part') },
    } as const;
    await this.#create(keys.orderRecord(RUNNING, 'apply', server), await sign(order, this.signer));
  }

  async #receipt(
    server: ServerId,
    step: OrderStep,
    { finishedAt, seconds = 0, startedAt }: { startedAt: string; finishedAt: string; seconds?: number },
  ): Promise<void> {
    const order = orderId(RUNNING, step, server);
    const states = { state: sha256('state'), protectedState: sha256('protected') };
    const common = { format: RECEIPT_FORMAT, order, sync: RUNNING, server, startedAt, finishedAt } as const;
    const counts = { artifacts: 1284, bytes: 486_000_000, protected: 3, folders: 0 };
    const none = { unrecognised: 0, links: 0, special: 0, unnameable: 0 };
    const summary = { manifest: sha256('manifest'), profile: sha256('profile'), ...states, ...counts, ...none };
    const facts = { platform: 'win32', foldsNames: true, windowsNames: true, freeBytes: 1e11 };
    const receipt =
      step === 'inventory'
        ? { ...common, step, outcome: 'DONE', summary, bytesUploaded: 0, facts }
        : {
            ...{ ...common, step, outcome: 'SUCCEEDED', plan: sha256('plan'), part: sha256('part') },
            ...{ before: states, after: states, changes: { create: 2, update: 31, remove: 0, keep: 1251 } },
            ...{ bytesFetched: 8_400_000, secondsFetching: seconds },
          };
    await this.#create(keys.receipt(server, order), await sign(receipt, this.#signerOf(server)));
  }

  async #progress(server: ServerId, said: Omit<Progress, 'format' | 'order' | 'server' | 'at'>): Promise<void> {
    const order = orderId(RUNNING, 'apply', server);
    const progress = { format: PROGRESS_FORMAT, order, server, at: at('14:06:19'), ...said };
    await this.#put(keys.progress(server, order), await sign(progress, this.#signerOf(server)));
  }

  #signerOf(server: ServerId) {
    return this.#agents.get(server)?.signer ?? this.signer;
  }

  async #put(key: string, document: unknown): Promise<void> {
    await this.store.put(key, encodeDocument(document));
  }

  async #create(key: string, document: unknown): Promise<void> {
    await this.store.create(key, encodeDocument(document));
  }
}

function policyOf(mode: string) {
  return { mode, allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: false } as Plan['policy'];
}

function changesAt(server: string, more: object = {}) {
  const firmware = { create: 0, update: 2, remove: 0, keep: 11, bytes: 61_000_000 };
  const configuration = { create: 2, update: 28, remove: 0, keep: 1206, bytes: 1_240_000 };
  const termcap = { create: 0, update: 1, remove: 0, keep: 34, bytes: 2_600_000 };
  return {
    ...{ outcome: 'changes', server, part: sha256(server), bytes: 64_840_000, protected: 3, unrecognised: 0 },
    counts: { create: 2, update: 31, remove: 0, keep: 1251 },
    classes: { configuration, firmware, termcap },
    estimate: { bytes: 8_400_000, seconds: 22 },
    notable: [
      { change: 'update', path: 'firmware/thinmanager-13.img', size: 58_000_000 },
      { change: 'update', path: 'firmware/loader.img', size: 3_000_000 },
      { change: 'update', path: 'termcap/TermCap.db', size: 2_600_000 },
      { change: 'create', path: 'config/groups/press-shop.xml', size: 18_400 },
    ],
    ...more,
  };
}

/** What a mirror does besides. */
const REMOVALS = {
  counts: { create: 2, update: 31, remove: 2, keep: 1249 },
  classes: {
    configuration: { create: 2, update: 28, remove: 2, keep: 1204, bytes: 1_240_000 },
    firmware: { create: 0, update: 2, remove: 0, keep: 11, bytes: 61_000_000 },
    termcap: { create: 0, update: 1, remove: 0, keep: 34, bytes: 2_600_000 },
  },
  notable: [
    { change: 'remove', path: 'config/groups/trial-2024.xml', size: 3_100 },
    { change: 'remove', path: 'config/groups/trial-2025.xml', size: 3_300 },
    { change: 'update', path: 'firmware/thinmanager-13.img', size: 58_000_000 },
  ],
};

function at(time: string): string {
  return `2026-03-03T${time}.000Z`;
}
