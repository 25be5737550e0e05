import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { encodeDocument } from '#core/documents.ts';
import { type Fleet, fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import { shortCode } from '#core/plan.ts';
import type { SyncId } from '#core/sync.ts';
import { publishControlKey } from '#functions/control-key.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { runCaptured, startCaptured } from './captured-cli.ts';

test('a sync waits for another person, and ends well once he approves', async () => {
  const { run, start, newestSync } = await startFleet();
  const running = start(['sync', 'west/primary', 'west/backup', '--yes', '--json'], 'requester');
  await running.saying('lockstep approve');
  const sync = await newestSync();
  const approval = await run(['approve', sync, '--yes', '--json', '--comment', 'looks right'], 'approver');
  expect(JSON.parse(approval.out)).toMatchObject({ sync, vote: 'APPROVED', by: 'approver', decision: 'APPROVED' });

  const { exitStatus, out, err } = await running.done;
  expect(err).toContain('requester asked for this sync and so cannot approve it');
  expect(err).toContain(`lockstep approve ${sync} --plan`);
  expect(JSON.parse(out)).toMatchObject({
    sync,
    verdict: 'SUCCEEDED',
    destinations: [{ server: 'west/backup', verdict: 'SUCCEEDED' }],
  });
  expect(exitStatus).toBe(0);
});

test('the requester approves with --yes where the fleet file allows it', async () => {
  const { run } = await startFleet({ 'requester-may-approve': true });
  const { exitStatus, out } = await run(['sync', 'west/primary', 'west/backup', '--yes', '--json'], 'requester');
  expect(JSON.parse(out)).toMatchObject({ verdict: 'SUCCEEDED' });
  expect(exitStatus).toBe(0);
});

test('a rejected sync exits 3, and says so', async () => {
  const { run, newestSync, fleet } = await startFleet();
  const running = run(['sync', 'west/primary', 'west/backup', '--yes'], 'requester');
  const sync = await newestSync();
  await fleet.planned(sync);
  expect(await run(['reject', sync, '--yes'], 'approver')).toMatchObject({ exitStatus: 0, err: '' });
  const { exitStatus, out } = await running;
  expect(out).toContain('Rejected: nothing was written at any destination.');
  expect(exitStatus).toBe(3);
});

test('a decision counts once', async () => {
  const { run, requestSync, fleet } = await startFleet();
  const sync = await requestSync();
  await fleet.planned(sync);
  expect((await run(['approve', sync, '--yes'], 'approver')).exitStatus).toBe(0);
  for (const [verb, person] of [
    ['approve', 'approver'],
    ['reject', 'somebody'],
  ] as const) {
    const { exitStatus, err, out } = await run([verb, sync, '--yes'], person);
    expect(err).toMatch(/was approved already, by approver at \d{4}-.* \(--yes\)/);
    expect({ exitStatus, out }).toEqual({ exitStatus: 3, out: '' });
  }
});

test('a decision names the plan that was looked at', async () => {
  const { run, requestSync, fleet } = await startFleet();
  const sync = await requestSync();
  const digest = await fleet.planned(sync);
  const other = await run(['approve', sync, '--yes', '--plan', '0000-0000'], 'approver');
  expect(other.err).toContain(`has plan ${shortCode(digest)}`);
  expect(other.exitStatus).toBe(3);
  expect((await run(['approve', sync, '--yes', '--plan', `sha256:${digest}`], 'approver')).exitStatus).toBe(0);
});

test('without a terminal and --yes nothing is decided', async () => {
  const { run, requestSync, fleet } = await startFleet();
  const sync = await requestSync();
  await fleet.planned(sync);
  expect(await run(['approve', sync], 'approver')).toMatchObject({ exitStatus: 2, out: '' });
  expect(await fleet.store.head(keys.decision(sync))).toBeUndefined();
});

test('plan shows the differences and writes nothing at any destination', async () => {
  const { run, fleet } = await startFleet();
  const { exitStatus, out } = await run(['plan', 'west/primary', 'west/backup', '--json'], 'requester');
  const document = JSON.parse(out);
  expect(document).toMatchObject({
    verdict: 'PLANNED',
    differences: [{ outcome: 'changes', counts: { create: 1, update: 0, remove: 0, keep: 0 } }],
  });
  expect(fleet.agents.get('west/backup')?.entries).toEqual([]);
  expect(exitStatus).toBe(0);
});

test('status, watch and history tell of the same sync', async () => {
  const { run, requestSync, fleet } = await startFleet();
  const sync = await requestSync();
  const digest = await fleet.planned(sync);
  await fleet.until(async () => (await fleet.store.head(keys.approvalRequested(sync))) !== undefined);
  const waiting = JSON.parse((await run(['status', sync, '--json'])).out);
  expect(waiting).toMatchObject({
    phase: 'approval',
    plan: `sha256:${digest}`,
    code: shortCode(digest),
    decision: null,
    result: null,
  });
  expect(JSON.parse((await run(['status', '--json'])).out).underWay).toMatchObject([{ sync, verdict: null }]);

  const watching = run(['watch', sync, '--json']);
  await fleet.vote(sync, 'APPROVED');
  const watched = await watching;
  expect(watched.exitStatus).toBe(0);
  expect(JSON.parse(watched.out)).toMatchObject({ sync, verdict: 'SUCCEEDED' });
  expect(JSON.parse((await run(['history', '--json'])).out)).toMatchObject({ syncs: [{ sync, verdict: 'SUCCEEDED' }] });
  expect((await run(['status'])).out).toMatch(/west\/backup +│ offline/);
});

test('whoever stops watching leaves the sync as it is', async () => {
  const { run, newestSync, fleet } = await startFleet();
  const stopping = new AbortController();
  const running = run(['sync', 'west/primary', 'west/backup', '--json'], 'requester', stopping.signal);
  const sync = await newestSync();
  await fleet.planned(sync);
  stopping.abort(new Error('stopped'));
  const { exitStatus, out, err } = await running;
  expect(JSON.parse(out)).toMatchObject({ sync, verdict: null });
  expect(err).toContain(`sync ${sync} goes on`);
  expect(exitStatus).toBe(1);
  await fleet.vote(sync, 'APPROVED');
  expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
});

test.each([
  ['a folder beside a server', ['sync', 'FOLDER', 'west/backup', '--yes'], 'name only folders, or only servers'],
  ['an unknown server', ['sync', 'west/primary', 'west/gone', '--yes'], 'no server west/gone in fleet plant'],
  ['the same server twice', ['sync', 'west/primary', 'west/primary', '--yes'], 'is named twice'],
  [
    'a profile for servers',
    ['sync', 'west/primary', 'west/backup', '--yes', '--profile', 'generic'],
    '--profile is for folders',
  ],
  ['a sync that never was', ['watch', '20200102T030405Z-0a1b2c3d'], 'there is no sync'],
])('refuses %s with exit 2', async (_what, words, says) => {
  const { run, folder } = await startFleet();
  const { exitStatus, out, err } = await run(words.map((word) => (word === 'FOLDER' ? folder : word)));
  expect(err).toContain(says);
  expect({ exitStatus, out }).toEqual({ exitStatus: 2, out: '' });
});

test('refuses a control key that is not the one first seen', async () => {
  const { run, requestSync, fleet } = await startFleet();
  const sync = await requestSync();
  await run(['status', sync]);
  await fleet.store.delete(keys.controlKey());
  await publishControlKey(fleet.store, createKeySigner().publicKey);
  const { exitStatus, err } = await run(['approve', sync, '--yes'], 'approver');
  expect(err).toContain('is not the one first seen from here');
  expect(exitStatus).toBe(2);
});

/** A controller, and a source and a destination that differ by one file, on a directory store. */
async function startFleet(approval: Partial<Fleet['approval']> = {}) {
  const folder = await temporaryFolder();
  const place = join(folder, 'store');
  const fleet = new FakeFleet(await DirectoryStore.open(place));
  const sites = { west: { servers: ['primary', 'backup'] } };
  await fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites, approval })));
  await publishControlKey(fleet.store, fleet.signer.publicKey);
  await fleet.add('west/primary', [file('termcap/terminals.db', 'new')]);
  await fleet.add('west/backup', []);
  await fleet.start();
  onTestFinished(() => fleet.end());
  await mkdir(join(folder, 'state'));
  const options = { stateFolder: join(folder, 'state'), storeUrl: pathToFileURL(place).href };
  return {
    folder,
    fleet,
    requestSync: () => fleet.request({ notify: [] }),
    run: (words: readonly string[], person = 'operator', signal = new AbortController().signal) =>
      runCaptured(words, { ...options, person, signal }),
    start: (words: readonly string[], person: string) => startCaptured(words, { ...options, person }),
    newestSync: async (): Promise<SyncId> => {
      let newest: string | undefined;
      await fleet.until(async () => {
        for await (const { key } of fleet.store.list(keys.syncs())) newest = key.split('/')[1];
        return newest !== undefined;
      });
      return newest as SyncId;
    },
  };
}
