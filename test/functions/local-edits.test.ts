import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '#core/keys.ts';
import type { ManifestEntry } from '#core/manifest.ts';
import type { SyncPolicy } from '#core/sync.ts';
import { findBaseline } from '#functions/baseline.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';

const POLICY: SyncPolicy = {
  mode: 'overwrite',
  allowShrink: true,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: false,
};

let fleet: FakeFleet;
let source: FakeAgent;
let destination: FakeAgent;

beforeEach(async () => {
  fleet = new FakeFleet();
  source = await fleet.add('plant-a/source', release('one'));
  destination = await fleet.add('plant-b/tm1', [file('a.cfg', 'before'), file('own.cfg', 'own')]);
  await fleet.start();
});

afterEach(() => fleet.end());

function release(content: string): ManifestEntry[] {
  const configuration = ['a.cfg', 'b.cfg', 'c.cfg'].map((path) => file(path, `${path} of ${content}`));
  return [...configuration, file('fw.bin', `firmware of ${content}`, 'firmware')];
}

async function planOf(policy: Partial<SyncPolicy> = {}) {
  const sync = await fleet.request({ policy: { ...POLICY, maxRemovalPercent: 100, ...policy } });
  await fleet.planned(sync);
  const plan = await loadPlan(fleet.store, sync, fleet.signer.publicKey);
  const planned = plan?.destinations[0];
  return { sync, localEdits: planned?.outcome === 'changes' ? planned.localEdits : 'nothing to do' };
}

/** The source's next release, brought to the destination. */
async function bring(content: string, policy: Partial<SyncPolicy> = {}) {
  source.entries = release(content);
  const { sync } = await planOf(policy);
  await fleet.vote(sync, 'APPROVED');
  return await fleet.verdict(sync);
}

/** Someone works on the destination. */
function edit(path: string, content: string | undefined): void {
  const others = destination.entries.filter((entry) => entry.path !== path);
  destination.entries = content === undefined ? others : [...others, file(path, content)];
}

async function since(): Promise<string | undefined> {
  return (await findBaseline(fleet.store, destination.server))?.since;
}

describe('what was changed at a destination since its last sync', () => {
  it('is nothing that anybody can say before the first', async () => {
    expect((await planOf()).localEdits).toBeUndefined();
  });

  it('is nothing where nobody changed anything', async () => {
    await bring('one');
    source.entries = release('two');
    expect((await planOf({ mode: 'mirror' })).localEdits).toBeUndefined();
  });

  it('is named as far as the next sync would undo it: what was edited, added, deleted', async () => {
    await bring('one');
    source.entries = [...release('two'), file('d.cfg', 'new at the source')];
    edit('a.cfg', 'edited by hand');
    edit('b.cfg', undefined);
    edit('d.cfg', 'added by hand');
    edit('kept.cfg', 'added by hand, and only here');
    edit('own.cfg', 'edited, and only here');
    const undone = [
      { edit: 'edited', path: 'a.cfg' },
      { edit: 'deleted', path: 'b.cfg' },
      { edit: 'added', path: 'd.cfg' },
    ];
    expect((await planOf()).localEdits).toEqual({ since: await since(), count: 3, files: undone });
    const removed = [
      { edit: 'added', path: 'kept.cfg' },
      { edit: 'edited', path: 'own.cfg' },
    ];
    expect((await planOf({ mode: 'mirror' })).localEdits).toMatchObject({ count: 5, files: [...undone, ...removed] });
  });

  it('is no matter where the source was changed in the same way', async () => {
    await bring('one');
    edit('a.cfg', 'a.cfg of two');
    source.entries = release('two');
    expect((await planOf()).localEdits).toBeUndefined();
  });

  it('is counted from the last time that both were found in sync', async () => {
    await bring('one');
    edit('a.cfg', 'a.cfg of two');
    edit('b.cfg', 'b.cfg of two');
    edit('c.cfg', 'c.cfg of two');
    destination.entries = [...destination.entries.filter(({ path }) => path !== 'fw.bin'), ...release('two').slice(3)];
    source.entries = release('two');
    expect(await fleet.verdict((await planOf()).sync)).toMatchObject({ verdict: 'IN_SYNC' });
    edit('b.cfg', 'edited by hand');
    source.entries = release('three');
    expect((await planOf()).localEdits).toMatchObject({ count: 1, files: [{ edit: 'edited', path: 'b.cfg' }] });
  });

  it('is not forgotten over a sync of another class', async () => {
    await bring('one');
    edit('a.cfg', 'edited by hand');
    expect(await bring('two', { only: ['firmware'] })).toMatchObject({ verdict: 'SUCCEEDED' });
    expect((await planOf()).localEdits).toMatchObject({ count: 1, files: [{ edit: 'edited', path: 'a.cfg' }] });
  });

  it('is not what a rollback has put back', async () => {
    await bring('one');
    const second = await bring('two');
    const rollback = await fleet.request({
      policy: { ...POLICY, mode: 'rollback' },
      rollbackOf: second.sync,
      source: source.server,
    });
    await fleet.vote(rollback, 'APPROVED');
    expect(await fleet.verdict(rollback)).toMatchObject({ verdict: 'SUCCEEDED' });
    expect((await planOf()).localEdits).toBeUndefined();
    edit('a.cfg', 'edited by hand');
    expect((await planOf()).localEdits).toMatchObject({ count: 1, files: [{ edit: 'edited', path: 'a.cfg' }] });
  });

  it('is not said once a sync has failed there, for then nobody knows who changed what', async () => {
    await bring('one');
    destination.misbehaviour = 'lies-about-state';
    source.entries = release('two');
    expect(await bring('two')).toMatchObject({ verdict: 'FAILED' });
    destination.misbehaviour = 'none';
    edit('a.cfg', 'edited by hand');
    expect(await since()).toBeUndefined();
    expect((await planOf()).localEdits).toBeUndefined();
  });

  it('is not said where the old manifest is gone, and the plan is made all the same', async () => {
    await bring('one');
    const baseline = await findBaseline(fleet.store, destination.server);
    if (baseline === undefined) throw new Error('expected a baseline');
    await fleet.store.delete(keys.manifest(destination.server, baseline.manifest));
    edit('a.cfg', 'edited by hand');
    expect((await planOf()).localEdits).toBeUndefined();
  });

  it('is in the mail, by name', async () => {
    await bring('one');
    edit('a.cfg', 'edited by hand');
    await planOf();
    await fleet.until(() => fleet.mails.some(({ text }) => text.includes('1 file was changed here since the sync of')));
    expect(fleet.mails.at(-1)?.text).toMatch(/! {3}edited {3}a\.cfg/);
  });

  it('is named up to twenty files, and counted beyond', async () => {
    source.entries = Array.from({ length: 30 }, (_, index) => file(`${String(index).padStart(2, '0')}.cfg`, 'one'));
    const { sync } = await planOf();
    await fleet.vote(sync, 'APPROVED');
    await fleet.verdict(sync);
    destination.entries = destination.entries.map(({ path }) => file(path, 'edited by hand'));
    const { localEdits } = await planOf();
    expect(localEdits).toMatchObject({ count: 30 });
    expect(localEdits).toHaveProperty('files.length', 20);
  });
});
