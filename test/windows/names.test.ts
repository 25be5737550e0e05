import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RelativePath } from '#core/path-rules.ts';
import type { Operation } from '#core/plan.ts';
import type { Tree } from '#test/support/trees.ts';
import type { Planned } from '../agents/control.ts';
import { testFolder } from '../agents/test-folder.ts';
import { contents } from './contents.ts';
import { beginPair, type WindowsPair } from './windows-pair.ts';
import { shortNameOf } from './windows-tools.ts';

const OURS: Tree = { 'a.cfg': 'new', 'made.cfg': 'made' };
const THEIRS: Tree = { 'a.cfg': 'old', 'license-server.lic': 'theirs', 'Licenses Folder/licenses/x.dat': 'theirs' };

/** The plan as it stands, and one operation more: a file of the source under another name, whatever rule that breaks. */
function withCreate(planned: Planned, path: string): Planned {
  const content = planned.operations.find(({ change }) => change === 'create');
  const operation = { ...content, path: path as RelativePath } as Operation;
  return withOperations(planned, [...planned.operations, operation]);
}

function withOperations(planned: Planned, operations: readonly Operation[]): Planned {
  return { ...planned, operations: operations.toSorted((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** Plans, bends the plan, applies; the destination must be as it was before. */
async function refusalOf(pair: WindowsPair, bend: (planned: Planned) => Planned): Promise<unknown> {
  const planned = bend(await pair.control.plan());
  const before = contents(pair.destination.root);
  const receipt = await pair.control.apply(planned);
  expect(contents(pair.destination.root)).toEqual(before);
  return receipt;
}

describe('an agent on Windows', () => {
  it('refuses a signed order that writes a license by its short name', async () => {
    const pair = await beginPair(OURS, THEIRS);
    const short = await shortNameOf(join(pair.destination.root, 'license-server.lic'));
    expect(short).not.toBe('license-server.lic');
    expect(await refusalOf(pair, (planned) => withCreate(planned, short))).toMatchObject({ outcome: 'REFUSED' });
    const update = (planned: Planned): Planned => {
      const [content] = planned.operations.filter(({ change }) => change === 'update');
      return withOperations(planned, [{ ...content, path: short as RelativePath } as Operation]);
    };
    expect(await refusalOf(pair, update)).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
  });

  it('refuses a signed order that writes into a folder by its short name', async () => {
    const pair = await beginPair(OURS, THEIRS);
    const short = await shortNameOf(join(pair.destination.root, 'Licenses Folder'));
    expect(await refusalOf(pair, (planned) => withCreate(planned, `${short}/x.cfg`))).toMatchObject({
      outcome: 'REFUSED',
      reason: 'PROTECTED_PATH',
      detail: expect.stringContaining('Licenses Folder'),
    });
  });

  it('refuses a signed order that updates a file by another spelling of its name', async () => {
    const pair = await beginPair(OURS, THEIRS);
    const respell = (planned: Planned): Planned =>
      withOperations(
        planned,
        planned.operations.map((one) => (one.change === 'update' ? { ...one, path: 'A.CFG' as RelativePath } : one)),
      );
    expect(await refusalOf(pair, respell)).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
  });

  it('refuses signed orders that write what Windows takes for something else', async () => {
    const pair = await beginPair(OURS, THEIRS);
    const outcomes: unknown[] = [];
    for (const path of NOT_FILES) {
      const receipt = await refusalOf(pair, (planned) => withCreate(planned, path));
      outcomes.push([path, receipt]);
    }
    const refused = expect.objectContaining({ outcome: 'REFUSED', reason: 'WRONG_PLAN' });
    expect(outcomes).toEqual(NOT_FILES.map((path) => [path, refused]));
  });

  it('refuses a signed order that writes into its work folder by a short name', async () => {
    const pair = await beginPair(OURS, THEIRS);
    mkdirSync(join(pair.destination.root, '.lockstep'));
    writeFileSync(join(pair.destination.root, '.lockstep/kept'), '');
    const short = await shortNameOf(join(pair.destination.root, '.lockstep'));
    expect(short).not.toBe('.lockstep');
    expect(await refusalOf(pair, (planned) => withCreate(planned, `${short}/x.cfg`))).toMatchObject({
      outcome: 'REFUSED',
      reason: 'PROTECTED_PATH',
    });
  });

  it('refuses to write through a folder that is a link, which Windows has of many kinds', async () => {
    const pair = await beginPair({ ...OURS, 'sub/made.cfg': 'made' }, THEIRS);
    const elsewhere = testFolder();
    const plant = (planned: Planned): Planned => {
      symlinkSync(elsewhere, join(pair.destination.root, 'sub'));
      return planned;
    };
    expect(await refusalOf(pair, plant)).toMatchObject({
      outcome: 'REFUSED',
      reason: 'PROTECTED_PATH',
      detail: expect.stringContaining('"sub/" is a link'),
    });
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it('takes another spelling of a name for the same file in a mirror: the source decides how it is spelled', async () => {
    const { control, destination } = await beginPair(
      { 'readme.txt': 'new', 'docs/manual.txt': 'same' },
      { 'Readme.TXT': 'old', 'Docs/Manual.txt': 'same', 'a.lic': 'theirs' },
    );
    const planned = await control.plan('mirror');
    expect(await control.apply(planned)).toMatchObject({ outcome: 'SUCCEEDED' });
    const names = readdirSync(destination.root, { recursive: true, encoding: 'utf8' }).sort();
    // Below .lockstep lie the old files, for a rollback.
    expect(names.filter((name) => !name.startsWith('.lockstep'))).toEqual([
      'a.lic',
      'docs',
      'docs/manual.txt',
      'readme.txt',
    ]);
    expect(readFileSync(join(destination.root, 'readme.txt'), 'utf8')).toBe('new');
  });

  it('stores paths that are longer than 260 characters', async () => {
    const long = `${'deep folder '.repeat(8).trim()}/`.repeat(4);
    const { control, destination, source } = await beginPair(
      { [`${long}a.cfg`]: 'new', [`${long}made.cfg`]: 'made', 'b.cfg': 'b' },
      { [`${long}a.cfg`]: 'old', [`${long}gone.cfg`]: 'gone' },
    );
    expect(long.length).toBeGreaterThan(300);
    expect(await control.apply(await control.plan('mirror'))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(contents(destination.root)).toEqual(contents(source));
  });
});

/** A device, a stream, names that Windows cuts, ways out of the root, our own folder. */
const NOT_FILES = [
  'CON',
  'sub/aux.txt',
  'com1.cfg',
  'a.cfg:stream',
  'trail.',
  'trail ',
  'sub./x.cfg',
  'C:/Windows/x.cfg',
  '..\\x.cfg',
  '../x.cfg',
  '.LOCKSTEP/x.cfg',
];
