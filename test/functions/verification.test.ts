import { expect, onTestFinished, test } from 'vitest';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { signedOrderSchema } from '#core/order.ts';
import { serverIdSchema } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import type { SyncPolicy } from '#core/sync.ts';
import { prune } from '#functions/prune/prune.ts';
import { findProvenState } from '#functions/verification/find-proven-state.ts';
import { issuedOrders } from '#functions/verification/issued-orders.ts';
import { judgeVerification } from '#functions/verification/judge-verification.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';

const BACKUP = serverIdSchema.parse('west/backup');

const POLICY: SyncPolicy = {
  mode: 'overwrite',
  allowShrink: false,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: false,
};
/** Nobody is offline because the machine is slow. */
const PATIENT = { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 };
const VERIFY: SyncPolicy = { ...POLICY, dryRun: true, verify: true };

async function start() {
  const fleet = new FakeFleet();
  const same = [file('common.cfg', 'same'), file('firmware/a.fw', 'fw', 'firmware')];
  await fleet.add('west/primary', [...same, file('new.cfg', 'new')]);
  const destination = await fleet.add('west/backup', same);
  await fleet.start();
  onTestFinished(() => fleet.end());
  const sync = async (policy: SyncPolicy = POLICY) => {
    const id = await fleet.request({ notify: [], policy, timeouts: PATIENT });
    // There may be nothing to decide on.
    if (!policy.dryRun) await fleet.vote(id, 'APPROVED').catch(() => undefined);
    return await fleet.verdict(id);
  };
  const orders = { store: fleet.store, controlKey: fleet.signer.publicKey, server: BACKUP };
  const proven = () => findProvenState(orders);
  return { destination, fleet, orders, proven, sync };
}

test('what a sync has written is proven, and is put together again file by file', async () => {
  const { proven, sync } = await start();
  const { sync: id } = await sync();
  const found = await proven();
  expect(found?.order).toMatchObject({ sync: id, step: 'apply' });
  expect([...((await found?.files()) ?? [])].map(({ path }) => path)).toEqual([
    'common.cfg',
    'firmware/a.fw',
    'new.cfg',
  ]);
});

test('that some classes are in sync proves nothing of the others', async () => {
  const { destination, proven, sync } = await start();
  const { sync: id } = await sync();
  destination.entries = [...destination.entries, file('edited.cfg', 'by hand')];
  expect((await sync({ ...POLICY, only: ['firmware'] })).verdict).toBe('IN_SYNC');
  expect((await proven())?.order.sync).toBe(id);
  const whole = await sync();
  expect(whole.verdict).toBe('IN_SYNC');
  expect((await proven())?.order.sync).toBe(whole.sync);
});

test('an apply that lies about its state proves nothing', async () => {
  const { destination, proven, sync } = await start();
  destination.misbehaviour = 'lies-about-state';
  expect((await sync()).verdict).toBe('FAILED');
  expect(await proven()).toBeUndefined();
});

test('orders that the control plane did not sign are passed over', async () => {
  const { fleet, orders, sync } = await start();
  await sync();
  const apply = await fleet.store.get(keys.order(BACKUP, 2));
  const bent = Buffer.from(apply?.body ?? [])
    .toString()
    .replace('"sequence":2', '"sequence":1');
  await fleet.store.put(keys.order(BACKUP, 1), Buffer.from(bent));
  const issued = await Array.fromAsync(issuedOrders(orders));
  expect(issued.map(({ order, sequence }) => [sequence, order?.step])).toEqual([
    [2, 'apply'],
    [1, undefined],
  ]);
});

test('an order that was numbered twice, because issuing it was cut off, comes once', async () => {
  const { fleet, orders, sync } = await start();
  await sync();
  const key = keys.currentOrder(BACKUP);
  const { payload } = parseDocument(key, signedOrderSchema, (await fleet.store.get(key))?.body ?? new Uint8Array());
  const again = encodeDocument(await sign({ ...payload, sequence: 3 }, fleet.signer));
  for (const place of [keys.order(BACKUP, 3), key]) await fleet.store.put(place, again);
  expect((await Array.fromAsync(issuedOrders(orders))).map(({ sequence }) => sequence)).toEqual([3, 1]);
});

test('a verification has a verdict of its own, and makes no plan', async () => {
  const { fleet, sync } = await start();
  await sync();
  const { destinations, plan, sync: id, verdict } = await sync(VERIFY);
  expect({ plan, verdict }).toEqual({ plan: null, verdict: 'VERIFIED' });
  expect(destinations.map(({ server }) => server)).toEqual(['west/primary', 'west/backup']);
  expect(await fleet.store.head(keys.plan(id))).toBeUndefined();
});

test('a server that does not say that it has read every file is not verified', async () => {
  const { orders, sync } = await start();
  await sync();
  const ordinary = await sync();
  expect(ordinary.verdict).toBe('IN_SYNC');
  expect(await judgeVerification(orders, ordinary.sync)).toMatchObject({
    verdict: 'FAILED',
    detail: 'it does not say that it has read every file',
  });
});

test('a verification under way holds up no sweep', async () => {
  const { fleet } = await start();
  for (const agent of fleet.agents.values()) agent.misbehaviour = 'silent';
  const id = await fleet.request({ notify: [], policy: VERIFY });
  await fleet.until(async () => (await fleet.store.head(keys.inventoryItems(id))) !== undefined);
  const wish = { keep: 3, keepDays: 30, graceDays: 7, dryRun: true, by: 'test' };
  const report = await prune({ store: fleet.store, now: () => new Date(), log: () => undefined }, wish);
  expect(report.gaveWay).toBeUndefined();
});

test('a request for no destination is only good to verify', async () => {
  const { fleet } = await start();
  await expect(fleet.request({ destinations: [] })).rejects.toMatchObject({ name: 'InvalidDocument' });
  await expect(fleet.request({ destinations: [], policy: VERIFY })).resolves.toEqual(expect.any(String));
});
