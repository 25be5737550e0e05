import { linkSync, lstatSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Operation } from '#core/plan.ts';
import { beginPair, refusalAfter, withOperation } from '#test/agents/pair.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { readTree } from '#test/support/trees.ts';

describe('an order that is validly signed is refused, and nothing is touched, when it', () => {
  it.each([
    ['climbs out of the root', '../stolen.ini', 'climbs'],
    ['climbs out from a folder', 'd/../../stolen.ini', 'climbs'],
    ['climbs within the root', 'd/../x.lic', 'climbs'],
    ['names its own folder', './a.ini', 'climbs'],
    ['is absolute', '/etc/stolen.ini', 'absolute'],
    ['goes to a drive', 'C:/stolen.ini', 'colon'],
    ['goes to the folder that a drive is in', 'C:stolen.ini', 'colon'],
    ['goes to another machine', '\\\\host\\share\\stolen.ini', 'backslash'],
    ['climbs as Windows does', 'd\\..\\..\\stolen.ini', 'backslash'],
    ['has an empty name', 'd//stolen.ini', 'empty name'],
    ['is empty', '', 'empty'],
    ['goes to a stream of a file', 'a.ini:stolen', 'colon'],
    ['goes to the content of a protected file as a stream', 'x.lic::$DATA', 'colon'],
    ['goes to a device', 'nul.ini', 'device'],
    ['goes to a device in a folder', 'd/COM1', 'device'],
    ['goes to a device by a raised digit', 'lpt²', 'device'],
    ['adds a dot to a protected name', 'x.lic.', 'trailing dot'],
    ['adds a space to a protected name', 'x.lic ', 'trailing dot or space'],
    ['adds a dot to a protected folder', 'licenses./new.ini', 'trailing dot'],
    ['has a line feed', 'a\nb.ini', 'control'],
    ['has a NUL', 'a.ini\0.lic', 'control'],
    ['is longer than a name may be', `${'x'.repeat(256)}.ini`, '255'],
    ['is longer than a path may be', `${'folder/'.repeat(600)}x.ini`, '4096'],
    ['goes to where the agent stages', '.lockstep/apply-x/journal.ndjson', 'belongs to Lockstep'],
    ['goes to where the agent stages, in capitals', '.LOCKSTEP/x.ini', 'belongs to Lockstep'],
  ])('has a path that %s', async (_, path, rule) => {
    const receipt = await refusalAfter(beginPair(), (planned) => withOperation(planned, path));
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'WRONG_PLAN',
      detail: expect.stringMatching(new RegExp(`${rule}.*start a new sync`)),
    });
  });

  it.each(['remove', 'create-folder', 'update'] as const)('would %s something outside of the root', async (change) => {
    const operations: Record<typeof change, object> = {
      remove: { change, class: 'configuration', path: '../victim.ini', former: { sha256: '0'.repeat(64), size: 1 } },
      'create-folder': { change, path: '../victim/' },
      update: {},
    };
    const receipt = await refusalAfter(beginPair(), (planned) => {
      const former = { sha256: '0'.repeat(64), size: 1 };
      if (change === 'update') return withOperation(planned, '../victim.ini', { change, former });
      return { ...planned, operations: [operations[change] as Operation, ...planned.operations] };
    });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'WRONG_PLAN' });
  });

  it.each([
    ['its own name', 'x.lic'],
    ['another case', 'X.LIC'],
    ['another case of its folder', 'LICENSES/server.DAT'],
    ['a new name in a protected folder', 'licenses/new.txt'],
    ['a deeper name in a protected folder', 'licenses/deep/new.txt'],
    ['the dotless i that has the same capital', 'LıCENSES/server.dat'],
    ['the long s that has the same capital', 'licenſes/server.dat'],
    ['a short name that keeps its ending', 'SERVER~1.LIC'],
  ])('goes to a protected file by %s', async (_, path) => {
    const receipt = await refusalAfter(beginPair(), (planned) => withOperation(planned, path));
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'PROTECTED_PATH',
      detail: expect.stringContaining(JSON.stringify(path)),
    });
  });

  it.each(['NFC', 'NFD'] as const)('goes to a protected file by the normal form %s of its name', async (form) => {
    const name = 'licenses/Schlüssel-Ångström.dat';
    const pair = beginPair(undefined, { 'a.ini': 'old', [name.normalize(form === 'NFC' ? 'NFD' : 'NFC')]: 'theirs' });
    const receipt = await refusalAfter(pair, (planned) => withOperation(planned, name.normalize(form)));
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
  });

  it('makes a folder of the name of a protected file', async () => {
    const receipt = await refusalAfter(beginPair(), (planned) => ({
      ...planned,
      operations: [...planned.operations, { change: 'create-folder', path: 'x.lic/' } as unknown as Operation],
    }));
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
  });

  it('goes to a protected file through a link to its folder', async () => {
    const pair = beginPair();
    const receipt = await refusalAfter(pair, (planned) => {
      symlinkSync('licenses', join(pair.destination, 'plain'));
      return withOperation(planned, 'plain/Server.txt', { class: 'configuration' });
    });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'PROTECTED_PATH',
      detail: expect.stringContaining('"plain/" is a link'),
    });
  });

  it('goes to a protected file by the name of a link to it', async () => {
    const pair = beginPair();
    const receipt = await refusalAfter(pair, (planned) => {
      symlinkSync('x.lic', join(pair.destination, 'plain.ini'));
      return withOperation(planned, 'plain.ini', { class: 'configuration' });
    });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'GUARD', detail: expect.stringContaining('a link') });
  });

  it('gives a protected file a class that travels', async () => {
    const receipt = await refusalAfter(beginPair(), (planned) =>
      withOperation(planned, 'x.lic', { class: 'configuration' }),
    );
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
  });

  it('says outright that it writes a license', async () => {
    const receipt = await refusalAfter(beginPair(), (planned) => withOperation(planned, 'x.lic', { class: 'license' }));
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'WRONG_PLAN',
      detail: expect.stringContaining('never written'),
    });
  });

  it('gives a file another class than it has here', async () => {
    const receipt = await refusalAfter(beginPair(), (planned) =>
      withOperation(planned, 'firmware/n.bin', { class: 'configuration' }),
    );
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'GUARD' });
  });

  it('writes a file that this server does not recognise', async () => {
    const receipt = await refusalAfter(beginPair(), (planned) => withOperation(planned, 'un.known'));
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
  });

  it('makes one name a file and a folder', async () => {
    const pair = beginPair();
    const before = readTree(pair.destination);
    const planned = withOperation(await pair.control.plan(), 'firmware/b.bin/c.bin');
    expect((await pair.control.apply(planned)).outcome).not.toBe('SUCCEEDED');
    expect(readTree(pair.destination)).toEqual(before);
  });
});

it('a protected file that has a second name which travels keeps its bytes when that name is overwritten', async () => {
  const pair = beginPair();
  const license = join(pair.destination, 'x.lic');
  // The source overwrites it.
  const alias = join(pair.destination, 'a.ini');
  rmSync(alias);
  linkSync(license, alias);
  const before = lstatSync(license);
  expect(await pair.control.apply(await pair.control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
  expect(readFileSync(alias, 'utf8')).toBe('new');
  expect(readFileSync(license, 'utf8')).toBe('theirs');
  expect(lstatSync(license)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
});

describe('a plan is refused when names would be one at a destination that folds them, as with', () => {
  let fleet: FakeFleet;

  beforeEach(() => {
    fleet = new FakeFleet();
  });

  afterEach(() => fleet.end());

  it.each([
    ['two new files', ['a.cfg', 'A.cfg'], []],
    ['a new file and one that is there', ['made/B.cfg'], ['made/b.cfg']],
    ['folders that differ in case', ['made/b.cfg', 'MADE/c.cfg'], []],
    ['two normal forms of one name', ['ä.cfg'.normalize('NFC'), 'ä.cfg'.normalize('NFD')], []],
    ['a new file and a protected one', ['X.LIC'], []],
  ])('%s', async (_, ours, theirs) => {
    await fleet.add('plant-a/source', [file('a.txt', 'A'), ...ours.map((path) => file(path, 'new'))]);
    const license = file('x.lic', 'mine', 'license');
    const agent = await fleet.add('plant-a/tm1', [
      file('a.txt', 'a'),
      license,
      ...theirs.map((path) => file(path, 'old')),
    ]);
    agent.foldsNames = true;
    await fleet.start();
    expect(await fleet.verdict(await fleet.request())).toMatchObject({
      destinations: [{ verdict: 'REFUSED', reason: 'GUARD', detail: expect.stringContaining('one name') }],
    });
    expect(agent.obeyed.map(({ step }) => step)).toEqual(['inventory']);
  });
});
