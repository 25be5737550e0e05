import { describe, expect, it } from 'vitest';
import { keys, orderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import { type SyncPolicy, syncIdSchema } from '#core/sync.ts';
import { file } from '#test/support/fake-fleet.ts';
import { IMPATIENT, startStoreFleet } from './store-fleet.ts';

const BACKUP = serverIdSchema.parse('west/backup');
const PRIMARY = serverIdSchema.parse('west/primary');
const DRY_RUN: SyncPolicy = {
  mode: 'overwrite',
  allowShrink: false,
  dryRun: true,
  approvals: 1,
  requesterMayApprove: false,
};

describe('lockstep verify', () => {
  it('finds a server as the last sync left it, and says when that was', async () => {
    const { fleet, run, runJson, sync } = await startStoreFleet();
    const synced = await sync();
    expect(synced.verdict).toBe('SUCCEEDED');
    const { document, exitStatus } = await runJson('verify', 'west/backup');
    expect(document).toMatchObject({
      verdict: 'VERIFIED',
      servers: [
        {
          server: 'west/backup',
          verdict: 'VERIFIED',
          files: 3,
          bytes: 7,
          comparedWith: { sync: synced.sync, receipt: synced.destinations[0]?.receipt },
          drift: [],
        },
      ],
    });
    expect(exitStatus).toBe(0);
    const { out } = await run('verify', 'west/backup');
    expect(out).toContain(
      `west/backup: verified: 3 files, 7 B, as sync ${synced.sync} left it on 2026-01-02 03:04:05 UTC`,
    );
    const orders = fleet.agents.get('west/backup')?.obeyed.slice(-2);
    expect(orders).toMatchObject([
      { step: 'inventory', full: true, snapshot: false },
      { step: 'inventory', full: true, snapshot: false },
    ]);
  });

  it('names what was changed, is missing, or was added since, licenses too', async () => {
    const { destination, run, runJson, sync } = await startStoreFleet();
    const synced = await sync();
    destination.entries = [
      file('added.cfg', 'added'),
      file('licenses/server.lic', 'another', 'license'),
      file('termcap/terminals.db', 'edited', 'termcap'),
    ];
    const { document, exitStatus } = await runJson('verify', 'west/backup');
    expect(exitStatus).toBe(1);
    expect(document).toMatchObject({
      verdict: 'DRIFTED',
      servers: [
        {
          verdict: 'DRIFTED',
          comparedWith: { sync: synced.sync },
          counts: { changed: 2, missing: 1, added: 1 },
          drift: [
            { change: 'added', class: 'configuration', path: 'added.cfg', isProtected: false, size: 5 },
            { change: 'missing', class: 'configuration', path: 'common.cfg', isProtected: false, size: 4 },
            { change: 'changed', class: 'license', path: 'licenses/server.lic', isProtected: true, size: 4 },
            { change: 'changed', class: 'termcap', path: 'termcap/terminals.db', isProtected: false, size: 3 },
          ],
        },
      ],
    });
    const { out } = await run('verify', 'west/backup');
    for (const words of [
      `not as sync ${synced.sync} left it`,
      'added.cfg',
      'missing',
      'licenses/server.lic',
      'protected',
    ])
      expect(out).toContain(words);
    expect(out).toMatch(/configuration +│ +0 +│ +1 +│ +1/);
  });

  it('compares a source with what it held as such, and several servers at once', async () => {
    const { run, runJson, source, sync } = await startStoreFleet();
    const { sync: id } = await sync();
    expect((await run('verify', 'west/primary')).out).toContain(`as sync ${id} found it on`);
    source.entries = [...source.entries, file('new.cfg', 'n')];
    const { document, exitStatus } = await runJson('verify', 'west/primary', 'west/backup');
    expect(exitStatus).toBe(1);
    expect(document).toMatchObject({
      verdict: 'DRIFTED',
      servers: [
        { server: 'west/primary', verdict: 'DRIFTED', drift: [{ change: 'added', path: 'new.cfg' }] },
        { server: 'west/backup', verdict: 'VERIFIED' },
      ],
    });
  });

  it('asks nothing of a server that has no receipt to compare with, and exits 2', async () => {
    const { fleet, run, sync } = await startStoreFleet();
    const { exitStatus, err, out } = await run('verify', 'west/backup');
    expect(err).toContain('west/backup has no receipt to compare with yet');
    expect({ exitStatus, out }).toEqual({ exitStatus: 2, out: '' });
    expect((await sync({ policy: DRY_RUN })).verdict).toBe('PLANNED');
    // To have been looked at is no promise of what should be there.
    expect((await run('verify', 'west/backup')).exitStatus).toBe(2);
    expect(fleet.agents.get('west/backup')?.obeyed).toHaveLength(1);
  });

  it('does not take what a verification found for what should be there', async () => {
    const { destination, runJson, sync } = await startStoreFleet();
    const synced = await sync();
    destination.entries = [file('common.cfg', 'else')];
    await runJson('verify', 'west/backup');
    const again = await runJson('verify', 'west/backup');
    expect(again.document).toMatchObject({ verdict: 'DRIFTED', servers: [{ comparedWith: { sync: synced.sync } }] });
  });

  it('takes a server that was found in sync since for what should be there', async () => {
    const { runJson, sync } = await startStoreFleet();
    await sync();
    const later = await sync();
    expect(later.verdict).toBe('IN_SYNC');
    const { document } = await runJson('verify', 'west/backup');
    expect(document).toMatchObject({ verdict: 'VERIFIED', servers: [{ comparedWith: { sync: later.sync } }] });
  });

  it('goes back to an earlier receipt where a later one is forged or gone', async () => {
    const { destination, fleet, runJson, sync } = await startStoreFleet();
    const [first, later] = [await sync(), await sync()];
    destination.misbehaviour = 'forges-signature';
    await sync({ timeouts: IMPATIENT });
    destination.misbehaviour = 'none';
    await fleet.store.delete(keys.receipt(BACKUP, orderId(later.sync, 'inventory', BACKUP)));
    const { document } = await runJson('verify', 'west/backup');
    expect(document).toMatchObject({ verdict: 'VERIFIED', servers: [{ comparedWith: { sync: first.sync } }] });
  });

  it('still says that a server has drifted when the store cannot tell any more which files', async () => {
    const { destination, fleet, run, sync } = await startStoreFleet();
    await sync();
    for await (const { key } of fleet.store.list(`servers/${BACKUP}/manifests/`)) await fleet.store.delete(key);
    destination.entries = [file('common.cfg', 'else')];
    const { exitStatus, out } = await run('verify', 'west/backup');
    expect(out).toContain('which files differ cannot be told');
    expect(exitStatus).toBe(1);
  });

  it('says that a server is offline, and that another one is verified all the same', async () => {
    const { destination, runJson, sync } = await startStoreFleet({
      timeouts: { 'offline-seconds': 1, 'inventory-seconds': 60, 'apply-seconds': 60, 'approval-seconds': 60 },
    });
    await sync();
    destination.misbehaviour = 'silent';
    const { document, exitStatus } = await runJson('verify', 'west/primary', 'west/backup');
    expect(document).toMatchObject({
      verdict: 'FAILED',
      servers: [
        { verdict: 'VERIFIED' },
        { verdict: 'OFFLINE', detail: expect.stringContaining('is its agent running') },
      ],
    });
    expect(exitStatus).toBe(1);
  });

  it('believes nobody but the enrolled agent', async () => {
    const { destination, runJson, sync } = await startStoreFleet({
      timeouts: { 'offline-seconds': 1, 'inventory-seconds': 60, 'apply-seconds': 60, 'approval-seconds': 60 },
    });
    await sync();
    destination.misbehaviour = 'forges-signature';
    const { document, exitStatus } = await runJson('verify', 'west/backup');
    expect(document).toMatchObject({ verdict: 'FAILED', servers: [{ verdict: 'FAILED', reason: 'INVALID_RECEIPT' }] });
    expect(exitStatus).toBe(1);
  });

  it('uploads nothing, is listed as what it is, and is no sync to approve', async () => {
    const { fleet, run, runJson, sync } = await startStoreFleet();
    await sync();
    const { document } = await runJson('verify', 'west/primary');
    const id = syncIdSchema.parse(document.verification);
    expect(fleet.agents.get(PRIMARY)?.obeyed.at(-1)).toMatchObject({ sync: id, snapshot: false, full: true });
    const listed = (await runJson('history')).document.syncs[0];
    expect(listed).toMatchObject({ sync: id, verify: true, verdict: 'VERIFIED', exitStatus: 0 });
    expect((await run('history')).out).toMatch(/verify +│ VERIFIED/);
    expect((await run('watch', id)).out).toContain('Verified: every file of 1 server was read');
    expect((await run('approve', id, '--yes')).exitStatus).toBe(3);
  });

  it.each([
    ['no server', ['verify'], /servers/],
    ['an unknown one', ['verify', 'west/gone'], /no server west\/gone/],
    ['the same one twice', ['verify', 'west/backup', 'west/backup'], /named twice/],
  ])('refuses %s with exit 2', async (_, words, says) => {
    const { run } = await startStoreFleet();
    const { err, exitStatus, out } = await run(...words);
    expect(err).toMatch(says);
    expect({ exitStatus, out }).toEqual({ exitStatus: 2, out: '' });
  });

  it('shows how it is used', async () => {
    const { run } = await startStoreFleet();
    expect((await run('verify', '--help')).out).toContain('lockstep verify west/primary west/backup');
  });
});
