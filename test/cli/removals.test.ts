import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { runCaptured, startCaptured } from './captured-cli.ts';

let folder: string;
let source: string;
let destination: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  source = join(folder, 'source');
  destination = join(folder, 'destination');
  writeTree(source, numbered(80));
  writeTree(destination, numbered(100));
});

function numbered(count: number): Tree {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}.ini`, `content ${index}`]));
}

function sync(...flags: string[]) {
  return runCaptured(['sync', source, destination, '--json', ...flags], { stateFolder: join(folder, 'state') });
}

describe('a mirror that removes a large share, agreed to beforehand', () => {
  it.each([
    ['their number', []],
    ['the right number', ['--acknowledge-removals', '19']],
  ])('removes nothing without %s', async (_, flags) => {
    const before = readTree(destination);
    const run = await sync('--mirror', '--yes', ...flags);
    expect(run).toMatchObject({ exitStatus: 3, err: expect.stringContaining('--acknowledge-removals 20') });
    expect(run.err).toContain('! 20 files will be removed, more than 10 %');
    expect(readTree(destination)).toEqual(before);
  });

  it.each([
    ['their number', ['--acknowledge-removals', '20']],
    ['a larger share', ['--max-removals', '20']],
  ])('removes them with %s', async (_, flags) => {
    expect(await sync('--mirror', '--yes', ...flags)).toMatchObject({ exitStatus: 0 });
    expect(readTree(destination)).toEqual(readTree(source));
  });

  it('shows in a dry run what it would need', async () => {
    const { exitStatus, out } = await sync('--mirror', '--dry-run');
    expect(exitStatus).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ differences: [{ counts: { remove: 20 }, needs: ['removals'] }] });
  });
});

describe('a mirror that removes a large share, at a terminal', () => {
  const start = () =>
    startCaptured(['sync', source, destination, '--mirror'], { stateFolder: join(folder, 'state'), isTerminal: true });

  it('asks a second question that names the number', async () => {
    const run = start();
    await run.saying('Overwrite');
    run.type('y');
    await run.saying('20 files will be removed, more than 10 % of those at');
    await run.saying('Remove 20?');
    run.type('y');
    expect(await run.done).toMatchObject({ exitStatus: 0 });
    expect(readTree(destination)).toEqual(readTree(source));
  });

  it('removes nothing when the second answer is no', async () => {
    const before = readTree(destination);
    const run = start();
    await run.saying('Overwrite');
    run.type('y');
    await run.saying('Remove 20?');
    run.type('n');
    expect(await run.done).toMatchObject({ exitStatus: 3 });
    expect(readTree(destination)).toEqual(before);
  });
});

it('a sync names what was edited at a destination since the last, on the terminal and in JSON', async () => {
  expect(await sync('--yes')).toMatchObject({ exitStatus: 0 });
  writeTree(destination, { '1.ini': 'edited by hand' });
  const { err, exitStatus, out } = await sync('--yes');
  expect(exitStatus).toBe(0);
  expect(err).toMatch(/! 1 file was changed here since the sync of .*; that will be overwritten:\n.*edited {3}1\.ini/);
  expect(JSON.parse(out)).toMatchObject({ localEdits: [{ count: 1, files: [{ edit: 'edited', path: '1.ini' }] }] });
});

it.each([
  [['--max-removals', '101'], /from 0 to 100/],
  [['--acknowledge-removals', 'all'], /whole number/],
  [['--allow-vanished', 'license'], /not a class that travels/],
])('%s is wrong use', async (flags, problem) => {
  const { err, exitStatus } = await sync(...flags);
  expect(exitStatus).toBe(2);
  expect(err).toMatch(problem);
});
