import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { SourceUnavailable } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import { createManifest, encodeManifest, type ManifestEntry } from '#core/manifest.ts';
import { decodePart } from '#core/plan.ts';
import { type InventoryReceipt, RECEIPT_FORMAT } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import type { SyncId } from '#core/sync.ts';
import { plan } from '#functions/plan/plan.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';

const PROFILE = sha256('profile');
const TIME = '2026-01-02T03:04:05.000Z';

let fleet: FakeFleet;
let source: FakeAgent;
let good: FakeAgent;
let odd: FakeAgent;
let sync: SyncId;

beforeEach(async () => {
  fleet = new FakeFleet();
  source = await fleet.add('plant-a/source', []);
  good = await fleet.add('plant-a/tm1', []);
  odd = await fleet.add('plant-a/tm2', []);
  sync = await fleet.request();
});

afterEach(() => fleet.end());

/** What an agent writes when it has taken stock of these files. */
async function stock(agent: FakeAgent, entries: ManifestEntry[], wrong: Partial<InventoryReceipt> = {}) {
  const manifest = createManifest(PROFILE, entries);
  await fleet.store.put(keys.manifest(agent.server, manifest.summary.manifest), encodeManifest(manifest));
  await answer(agent, {
    outcome: 'DONE',
    summary: manifest.summary,
    ...(agent === source && { snapshot: sha256('snapshot') }),
    bytesUploaded: 0,
    facts: { platform: 'linux', foldsNames: false, windowsNames: false, freeBytes: 1 },
    ...wrong,
  });
}

async function answer(agent: FakeAgent, fields: object): Promise<void> {
  const { server, signer } = agent;
  const order = orderId(sync, 'inventory', server);
  const common = { format: RECEIPT_FORMAT, order, sync, server, startedAt: TIME, finishedAt: TIME, step: 'inventory' };
  await fleet.store.create(keys.receipt(server, order), encodeDocument(await sign({ ...common, ...fields }, signer)));
}

async function planned() {
  const { store, signer } = fleet;
  const { wave } =
    (await plan({ store, signer, now: () => new Date(), log: () => undefined }, { step: 'plan', sync })) ?? {};
  const made = await loadPlan(store, sync, signer.publicKey);
  const outcomeOf = (server: ServerId) => made?.destinations.find((destination) => destination.server === server);
  return { wave, good: outcomeOf(good.server), odd: outcomeOf(odd.server) };
}

describe('planning', () => {
  beforeEach(async () => {
    await stock(source, [file('a.cfg', 'A')]);
    await stock(good, [file('a.cfg', 'a')]);
  });

  it('is not spoilt for others by a destination that refuses with a very long sentence', async () => {
    await answer(odd, { outcome: 'REFUSED', reason: 'UNREADABLE', detail: 'x'.repeat(4000) });
    expect(await planned()).toMatchObject({ good: { outcome: 'changes' }, odd: { outcome: 'refused' } });
  });

  it('is not spoilt for others by a destination that failed with a very long sentence', async () => {
    await answer(odd, { outcome: 'FAILED', detail: 'x'.repeat(4000) });
    expect(await planned()).toMatchObject({ good: { outcome: 'changes' }, odd: { outcome: 'failed' } });
  });

  it('is not spoilt for others by a destination whose manifest is missing, or other bytes than it signed', async () => {
    await stock(odd, []);
    const key = keys.manifest(odd.server, createManifest(PROFILE, []).summary.manifest);
    await fleet.store.put(key, encodeManifest(createManifest(PROFILE, [file('z', 'z')])));
    expect(await planned()).toMatchObject({ good: { outcome: 'changes' }, odd: { outcome: 'failed' } });
  });

  it('is not spoilt for others by a destination that invents a class for every file', async () => {
    await stock(
      odd,
      Array.from({ length: 401 }, (_, index) => file(`f${index}`, 'x', `class-${index}`)),
    );
    // Not to be refused as a source that shrank: few classes would then do, too.
    const policy = { mode: 'overwrite', allowShrink: true, dryRun: false, approvals: 1, requesterMayApprove: false };
    const request = await fleet.store.get(keys.request(sync));
    const allowing = { ...JSON.parse(Buffer.from(request?.body ?? []).toString()), policy };
    await fleet.store.put(keys.request(sync), encodeDocument(allowing));
    const { odd: outcome, good: other } = await planned();
    expect(other).toMatchObject({ outcome: 'changes' });
    expect(outcome).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('400 classes') });
  });

  it('goes by the manifest, not by what the receipt says of it', async () => {
    const { summary } = createManifest(PROFILE, [file('b.cfg', 'b')]);
    await stock(odd, [file('b.cfg', 'b')], { summary: { ...summary, state: sha256('invented') } });
    const { odd: outcome } = await planned();
    if (outcome?.outcome !== 'changes') throw new Error('expected changes');
    const part = await fleet.store.get(keys.part(sync, odd.server, outcome.part));
    expect(part).toBeDefined();
    expect(outcome.counts).toEqual({ create: 1, update: 0, remove: 0, keep: 1 });
    const { header } = decodePart(part?.body ?? new Uint8Array(), outcome.part);
    expect(header.stateBefore).toBe(summary.state);
  });

  it('has nothing to write when every destination is refused or silent, and says so once', async () => {
    await fleet.store.delete(keys.receipt(good.server, orderId(sync, 'inventory', good.server)));
    await answer(odd, { outcome: 'REFUSED', reason: 'UNREADABLE', detail: 'no permission' });
    expect(await planned()).toMatchObject({
      wave: { index: 0, more: false },
      good: { outcome: 'offline' },
      odd: { outcome: 'refused' },
    });
  });

  it('stays with the plan that is made, whatever comes in later', async () => {
    const before = await planned();
    await stock(odd, [file('a.cfg', 'late')]);
    expect(await planned()).toEqual(before);
    expect(before.odd).toMatchObject({ outcome: 'offline' });
  });
});

describe('planning without a source', () => {
  it('names what the source said', async () => {
    await answer(source, { outcome: 'REFUSED', reason: 'UNREADABLE', detail: 'no permission for /data' });
    await expect(planned()).rejects.toThrow(SourceUnavailable);
    await expect(planned()).rejects.toThrow(/could not take stock: no permission/);
  });
});
