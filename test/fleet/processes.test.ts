import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keys, orderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import { syncIdSchema } from '#core/sync.ts';
import { ProcessFleet } from '#test/support/process-fleet.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, type Tree } from '#test/support/trees.ts';

const OLD: Tree = { 'a.cfg': 'old', 'b.cfg': 'same', 'x.lic': 'license of the destination', 'kept.cfg': 'k' };
const NEW: Tree = { 'a.cfg': 'new', 'b.cfg': 'same', 'c.cfg': 'c', 'x.lic': 'license of the source' };

const IMPATIENT = 'timeouts:\n  offline-seconds: 15\n';

let fleet: ProcessFleet;

beforeEach(async () => {
  fleet = new ProcessFleet(await temporaryFolder());
});

afterEach(() => fleet.stop());

function expectSynced(server: string): void {
  const [ours, theirs] = [readTree(fleet.rootOf('a/source')), readTree(fleet.rootOf(server))];
  for (const path of ['a.cfg', 'b.cfg', 'c.cfg']) expect(theirs[path]).toBe(ours[path]);
  expect(theirs['x.lic']).not.toBe(ours['x.lic']);
  expect(Object.keys(theirs).sort()).toEqual(['a.cfg', 'b.cfg', 'c.cfg', 'kept.cfg', 'x.lic']);
}

async function approve(sync: string): Promise<void> {
  expect(await fleet.run(['approve', sync, '--yes'], 'approver')).toMatchObject({ code: 0 });
}

describe('a fleet of processes', () => {
  it('serves five destinations when the sixth is offline, and says so', async () => {
    const destinations = ['a/one', 'a/two', 'b/three', 'b/four', 'c/five', 'c/six'];
    await fleet.start({ 'a/source': NEW, ...Object.fromEntries(destinations.map((id) => [id, OLD])) }, IMPATIENT);
    await fleet.killAgent('c/six');
    const syncing = fleet.run(['sync', 'a/source', ...destinations, '--json']);
    await approve(await fleet.waitingSync());
    const { code, stdout } = await syncing;
    expect(code).toBe(1);
    const verdict = JSON.parse(stdout);
    expect(verdict.verdict).toBe('FAILED');
    expect(verdict.destinations.map((one: { verdict: string }) => one.verdict)).toEqual([
      ...Array(5).fill('SUCCEEDED'),
      'OFFLINE',
    ]);
    for (const server of destinations.slice(0, 5)) expectSynced(server);
    await fleet.restartAgent('c/six');
    const again = fleet.run(['sync', 'a/source', ...destinations, '--json']);
    await approve(await fleet.waitingSync());
    expect(JSON.parse((await again).stdout)).toMatchObject({ verdict: 'SUCCEEDED' });
    expectSynced('c/six');
  });

  it('goes on when the controller is killed while it waits for approval and again while it applies', async () => {
    await fleet.start({ 'a/source': NEW, 'b/one': OLD });
    const syncing = fleet.run(['sync', 'a/source', 'b/one', '--json']);
    const sync = await fleet.waitingSync();
    await fleet.killController();
    await fleet.startController();
    await fleet.killAgent('b/one');
    await approve(sync);
    const server = serverIdSchema.parse('b/one');
    await fleet.until(async () => (await fleet.currentStep(server)) === 'apply');
    await fleet.killController();
    fleet.startAgent('b/one');
    const receipt = keys.receipt(server, orderId(syncIdSchema.parse(sync), 'apply', server));
    await fleet.until(async () => (await fleet.store.head(receipt)) !== undefined);
    await fleet.startController();
    expect(JSON.parse((await syncing).stdout)).toMatchObject({ sync, verdict: 'SUCCEEDED' });
    expectSynced('b/one');
  });

  it('refuses what changed at the destination after the approval', async () => {
    await fleet.start({ 'a/source': NEW, 'b/one': OLD });
    const syncing = fleet.run(['sync', 'a/source', 'b/one', '--json']);
    const sync = await fleet.waitingSync();
    writeFileSync(join(fleet.rootOf('b/one'), 'b.cfg'), 'edited');
    const before = readTree(fleet.rootOf('b/one'));
    await approve(sync);
    const { code, stdout } = await syncing;
    expect(code).toBe(3);
    expect(JSON.parse(stdout).destinations).toMatchObject([{ verdict: 'REFUSED', reason: 'STALE_PLAN' }]);
    expect(readTree(fleet.rootOf('b/one'))).toEqual(before);
  });
});

describe('deciding by command', () => {
  it('takes one decision on exactly one plan, by somebody else, in time', async () => {
    await fleet.start({ 'a/source': NEW, 'b/one': OLD });
    const syncing = fleet.run(['sync', 'a/source', 'b/one', '--json']);
    const sync = await fleet.waitingSync();
    const own = await fleet.run(['approve', sync, '--yes'], 'engineer');
    expect(own).toMatchObject({ code: 3, stderr: expect.stringContaining('requester-may-approve') });
    const other = await fleet.run(['approve', sync, '--yes', '--plan', '0'.repeat(64)], 'approver');
    expect(other).toMatchObject({ code: 3, stderr: expect.stringContaining('plan') });
    expect((await fleet.run(['reject', sync, '--yes'], 'approver')).code).toBe(0);
    const late = await fleet.run(['approve', sync, '--yes'], 'approver');
    expect(late).toMatchObject({ code: 3, stderr: expect.stringContaining('already') });
    expect((await fleet.run(['reject', sync, '--yes'], 'approver')).code).toBe(3);
    const { code, stdout } = await syncing;
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'REJECTED', destinations: [{ verdict: 'NOT_ATTEMPTED' }] });
    expect(readTree(fleet.rootOf('b/one'))).not.toHaveProperty('c.cfg');
    const { stdout: history } = await fleet.run(['history', '--json']);
    expect(history).toContain(sync);
  });

  it('lets a plan expire', async () => {
    await fleet.start({ 'a/source': NEW, 'b/one': OLD }, 'timeouts:\n  approval-seconds: 1\n');
    const { code, stdout } = await fleet.run(['sync', 'a/source', 'b/one', '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout).verdict).toBe('EXPIRED');
    const late = await fleet.run(['approve', JSON.parse(stdout).sync, '--yes'], 'approver');
    expect(late.code).toBe(3);
  });
});
