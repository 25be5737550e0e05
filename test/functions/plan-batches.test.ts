import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import { createManifest, encodeManifest, type ManifestEntry } from '#core/manifest.ts';
import { planBatchSchema, planDigest } from '#core/plan.ts';
import { RECEIPT_FORMAT } from '#core/receipt.ts';
import { sign, signedSchema } from '#core/signed.ts';
import type { SyncId } from '#core/sync.ts';
import { divide, writeBatches } from '#functions/plan/batches.ts';
import { plan } from '#functions/plan/plan.ts';
import type { PlanDependencies } from '#functions/plan/planning.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { createKeySigner } from '#test/support/key-signer.ts';

const TIME = '2026-01-02T03:04:05.000Z';
const BATCHES = [
  { first: 0, count: 2 },
  { first: 2, count: 1 },
];

let fleet: FakeFleet;
let source: FakeAgent;
let destinations: FakeAgent[];
let sync: SyncId;
let dependencies: PlanDependencies;

beforeEach(async () => {
  fleet = new FakeFleet();
  source = await fleet.add('plant-a/source', []);
  destinations = [];
  for (const name of ['tm1', 'tm2', 'tm3']) destinations.push(await fleet.add(`plant-a/${name}`, []));
  sync = await fleet.request();
  dependencies = { store: fleet.store, signer: fleet.signer, now: () => new Date(TIME), log: () => undefined };
  await stock(source, [file('a.cfg', 'A'), file('b.cfg', 'B')]);
  for (const [index, agent] of destinations.entries()) await stock(agent, [file('a.cfg', `a${index}`)]);
});

afterEach(() => fleet.end());

async function stock(agent: FakeAgent, entries: ManifestEntry[]): Promise<void> {
  const { server, signer } = agent;
  const manifest = createManifest(sha256('profile'), entries);
  await fleet.store.put(keys.manifest(server, manifest.summary.manifest), encodeManifest(manifest));
  const order = orderId(sync, 'inventory', server);
  const receipt = {
    ...{ format: RECEIPT_FORMAT, order, sync, server, startedAt: TIME, finishedAt: TIME, step: 'inventory' },
    ...{ outcome: 'DONE', summary: manifest.summary, bytesUploaded: 0 },
    ...(agent === source && { snapshot: sha256('snapshot') }),
    facts: { platform: 'linux', foldsNames: false, windowsNames: false, freeBytes: 1e9 },
  };
  await fleet.store.put(keys.receipt(server, order), encodeDocument(await sign(receipt, signer)));
}

function planOne(batch: (typeof BATCHES)[number]) {
  return plan(dependencies, { step: 'batch', sync, ...batch });
}

async function joined() {
  await plan(dependencies, { step: 'join', sync });
  return await loadPlan(fleet.store, sync, fleet.signer.publicKey);
}

describe('a sync that is planned in batches', () => {
  it('has the plan that one call would have made', async () => {
    await writeBatches(dependencies, sync, BATCHES);
    for (const batch of BATCHES) await planOne(batch);
    const divided = await joined();
    await fleet.store.delete(keys.plan(sync));
    await plan(dependencies, { step: 'plan', sync });
    const whole = await loadPlan(fleet.store, sync, fleet.signer.publicKey);
    expect(divided?.destinations.map(({ outcome }) => outcome)).toEqual(['changes', 'changes', 'changes']);
    expect(divided).toEqual(whole);
    expect(divided?.digest).toBe(divided && planDigest(divided));
  });

  it('fails where a batch broke off, and goes on elsewhere', async () => {
    await writeBatches(dependencies, sync, BATCHES);
    await planOne({ first: 2, count: 1 });
    const made = await joined();
    expect(made?.destinations).toMatchObject([
      { server: 'plant-a/tm1', outcome: 'failed', detail: expect.stringContaining('log of the plan function') },
      { server: 'plant-a/tm2', outcome: 'failed' },
      { server: 'plant-a/tm3', outcome: 'changes' },
    ]);
  });

  it('keeps a batch that an earlier attempt has left', async () => {
    const [first = { first: 0, count: 1 }] = BATCHES;
    await planOne(first);
    const key = keys.planBatch(sync, 0);
    const before = await fleet.store.head(key);
    // Without its receipt nothing could be planned any more.
    await fleet.store.delete(keys.receipt(source.server, orderId(sync, 'inventory', source.server)));
    await planOne(first);
    expect(await fleet.store.head(key)).toEqual(before);
  });

  it('takes no batch that somebody else signed, nor one about other destinations', async () => {
    await writeBatches(dependencies, sync, BATCHES);
    for (const batch of BATCHES) await planOne(batch);
    const key = keys.planBatch(sync, 2);
    const stored = await fleet.store.get(key);
    const { payload } = parseDocument(key, signedSchema(planBatchSchema), stored?.body ?? new Uint8Array());
    await fleet.store.put(key, encodeDocument(await sign(payload, createKeySigner())));
    await expect(joined()).rejects.toThrow('the control plane did not sign it');
    await fleet.store.put(key, (await fleet.store.get(keys.planBatch(sync, 0)))?.body ?? new Uint8Array());
    await expect(joined()).rejects.toThrow('it is about other destinations');
  });
});

describe('more destinations than one call plans', () => {
  it('are divided by their number, and by what the source holds', () => {
    expect(divide(50, 1000)).toEqual([{ first: 0, count: 50 }]);
    expect(divide(51, 1000)).toEqual([
      { first: 0, count: 50 },
      { first: 50, count: 1 },
    ]);
    const large = divide(10_000, 1_000_000);
    expect(large).toHaveLength(500);
    expect(large.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
    expect(divide(3, 1e9)).toHaveLength(3);
  });

  it('are not divided when nothing can come of it', async () => {
    const many = await fleet.request({ destinations: manyServers(51) });
    await expect(plan(dependencies, { step: 'plan', sync: many })).rejects.toThrow('did not answer');
    expect(await fleet.store.head(keys.planBatches(many))).toBeUndefined();
  });

  it('are not divided for a source whose manifest is not what its receipt says', async () => {
    sync = await fleet.request({ destinations: manyServers(51) });
    await stock(source, [file('a.cfg', 'A')]);
    expect(await plan(dependencies, { step: 'plan', sync })).toMatchObject({ next: 'divide' });
    const { manifest } = createManifest(sha256('profile'), [file('a.cfg', 'A')]).summary;
    const other = encodeManifest(createManifest(sha256('profile'), [file('a.cfg', 'B')]));
    await fleet.store.put(keys.manifest(source.server, manifest), other);
    await expect(plan(dependencies, { step: 'plan', sync })).rejects.toThrow(InvalidDocument);
  });
});

function manyServers(count: number) {
  return Array.from({ length: count }, (_, index) => `plant-b/tm${index}` as FakeAgent['server']);
}
