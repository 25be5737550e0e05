import { describe, expect, it } from 'vitest';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { keys, orderId } from '#core/keys.ts';
import { signedReceiptSchema } from '#core/receipt.ts';
import { serverIdSchema } from '#core/server.ts';
import { file } from '#test/support/fake-fleet.ts';
import { IMPATIENT, startStoreFleet } from './store-fleet.ts';

const BACKUP = serverIdSchema.parse('west/backup');

describe('lockstep history of a server', () => {
  it('shows each order with its receipt, the newest last, and what was done on whose word', async () => {
    const { destination, fleet, runJson, sync } = await startStoreFleet();
    const { plan, sync: id } = await sync();
    const { document, exitStatus } = await runJson('history', 'west/backup');
    const keyId = `sha256:${destination.signer.keyId}`;
    expect(document).toMatchObject({
      server: 'west/backup',
      orders: [
        {
          sequence: 1,
          sync: id,
          step: 'inventory',
          outcome: 'DONE',
          follows: 'unknown',
          signature: { status: 'good', keyId },
        },
        {
          sequence: 2,
          sync: id,
          step: 'apply',
          outcome: 'SUCCEEDED',
          follows: 'yes',
          changes: { create: 1, update: 0, remove: 0, keep: 0 },
          bytes: 3,
          plan: `sha256:${plan}`,
          approvedBy: ['approver'],
          signature: { status: 'good', keyId },
        },
      ],
    });
    const [inventory, apply] = document.orders;
    expect(apply.before).toEqual(inventory.after);
    expect(apply.after.state).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(apply.after.state).not.toBe(apply.before.state);
    expect(exitStatus).toBe(0);
    expect(fleet.agents.get(BACKUP)?.obeyed).toHaveLength(2);
  });

  it('says where somebody else has changed what a sync had left, and goes on from there', async () => {
    const { destination, run, runJson, sync } = await startStoreFleet();
    await sync();
    destination.entries = [...destination.entries, file('edited.cfg', 'by hand')];
    await sync();
    await sync();
    const { document, exitStatus } = await runJson('history', 'west/backup');
    expect(document.orders.map(({ follows }: { follows: string }) => follows)).toEqual([
      'unknown',
      'yes',
      'changed-between',
      'yes',
    ]);
    // An edit is news, not a broken chain.
    expect(exitStatus).toBe(0);
    expect((await run('history', 'west/backup')).out).toContain('changed by somebody else in between');
  });

  it('goes on over a refusal, and says why it was one', async () => {
    const { destination, runJson, sync } = await startStoreFleet();
    destination.misbehaviour = 'refuses';
    await sync();
    destination.misbehaviour = 'none';
    await sync();
    const { document } = await runJson('history', 'west/backup');
    expect(document.orders).toMatchObject([
      { step: 'inventory', follows: 'unknown' },
      { step: 'apply', outcome: 'REFUSED', reason: 'STALE_PLAN', detail: 'it changed meanwhile' },
      { step: 'inventory', follows: 'yes' },
      { step: 'apply', outcome: 'SUCCEEDED', follows: 'yes' },
    ]);
    expect(document.orders[1]).not.toHaveProperty('follows');
  });

  it('shows the newest, of as many as are asked for, and what the first of those follows on', async () => {
    const { runJson, sync } = await startStoreFleet();
    await sync();
    await sync();
    const { document } = await runJson('history', 'west/backup', '--limit', '2');
    expect(document.orders).toMatchObject([
      { sequence: 2, step: 'apply', follows: 'yes' },
      { sequence: 3, step: 'inventory', follows: 'yes' },
    ]);
  });

  it('tells a verification from an inventory', async () => {
    const { run, runJson, sync } = await startStoreFleet();
    await sync();
    await run('verify', 'west/backup');
    const { document } = await runJson('history', 'west/backup');
    expect(document.orders.at(-1)).toMatchObject({ step: 'verify', outcome: 'DONE', follows: 'yes' });
  });

  it('exits 1 when a receipt is not signed by the enrolled agent, and believes nothing of it', async () => {
    const { fleet, run, runJson, sync } = await startStoreFleet();
    const { sync: id } = await sync();
    const key = keys.receipt(BACKUP, orderId(id, 'apply', BACKUP));
    const stored = await fleet.store.get(key);
    const receipt = parseDocument(key, signedReceiptSchema, stored?.body ?? new Uint8Array());
    const forged = { ...receipt, payload: { ...receipt.payload, finishedAt: '2026-01-02T03:04:06.000Z' } };
    await fleet.store.put(key, encodeDocument(forged));
    const { document, exitStatus } = await runJson('history', 'west/backup');
    expect(document.orders[1]).toMatchObject({ step: 'apply', outcome: null, signature: { status: 'bad' } });
    expect(document.orders[1]).not.toHaveProperty('after');
    expect(exitStatus).toBe(1);
    const { out } = await run('history', 'west/backup');
    expect(out).toContain('BAD SIGNATURE');
    expect(out).toContain('1 order of these has no record that is signed as it should be');
  });

  it('exits 1 when the receipt of another order lies in its place', async () => {
    const { fleet, runJson, sync } = await startStoreFleet();
    const [first, second] = [await sync(), await sync()];
    const place = keys.receipt(BACKUP, orderId(second.sync, 'inventory', BACKUP));
    const other = await fleet.store.get(keys.receipt(BACKUP, orderId(first.sync, 'inventory', BACKUP)));
    await fleet.store.put(place, other?.body ?? new Uint8Array());
    const { document, exitStatus } = await runJson('history', 'west/backup');
    expect(document.orders.at(-1)).toMatchObject({ outcome: null, signature: { status: 'bad' } });
    expect(exitStatus).toBe(1);
  });

  it('shows an order that was never answered, and one that is gone', async () => {
    const { destination, fleet, run, runJson, sync } = await startStoreFleet();
    await sync();
    destination.misbehaviour = 'silent';
    await sync({ timeouts: IMPATIENT });
    expect((await runJson('history', 'west/backup')).document.orders.at(-1)).toMatchObject({
      step: 'inventory',
      outcome: null,
      signature: { status: 'none' },
    });
    await fleet.store.delete(keys.order(BACKUP, 2));
    const { document, exitStatus } = await runJson('history', 'west/backup');
    expect(document.orders[1]).toMatchObject({ sequence: 2, order: null, outcome: null });
    expect(exitStatus).toBe(1);
    expect((await run('history', 'west/backup')).out).toContain('ORDER MISSING');
  });

  it('shows no approver where no decision holds for the plan of the order', async () => {
    const { fleet, runJson, sync } = await startStoreFleet();
    const { sync: id } = await sync();
    await fleet.store.delete(keys.decision(id));
    expect((await runJson('history', 'west/backup')).document.orders[1]).toMatchObject({ approvedBy: null });
  });

  it('says that nothing was ordered yet', async () => {
    const { run } = await startStoreFleet();
    expect(await run('history', 'west/backup')).toMatchObject({
      exitStatus: 0,
      out: 'west/backup was given no order yet.\n',
    });
  });

  it('stays the list of syncs without a server', async () => {
    const { runJson, sync } = await startStoreFleet();
    const { sync: id } = await sync();
    expect((await runJson('history')).document).toMatchObject({ syncs: [{ sync: id, verdict: 'SUCCEEDED' }] });
  });
});
