import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { noise } from '#test/agents/noise.ts';
import { ReleasingSource } from '#test/support/releasing-source.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree } from '#test/support/trees.ts';
import { runCaptured } from './captured-cli.ts';

const ALL = ['--keep', '1', '--keep-days', '0', '--grace-days', '0'];

async function twoReleases() {
  const folder = await temporaryFolder();
  const store = await DirectoryStore.open(join(folder, 'store'));
  const source = new ReleasingSource(store, () => new Date());
  onTestFinished(() => source.close());
  for (const name of ['one', 'two']) await source.release({ 'a.bin': noise(name, 2000) });
  const storeUrl = pathToFileURL(join(folder, 'store')).href;
  const run = (...words: string[]) =>
    runCaptured(['prune', ...words], { stateFolder: join(folder, 'state'), storeUrl });
  return { folder, source, run };
}

test('says what it removed, as a table and as a document', async () => {
  const { run } = await twoReleases();
  const shown = await run('--yes');
  expect(shown).toMatchObject({ exitStatus: 0, err: '' });
  expect(shown.out).toMatch(/what .* kept .* marked now .* waiting .* removed/);
  expect(shown.out).toContain('Removed 0 objects, 0 B.');
  const { exitStatus, out } = await run(...ALL, '--yes', '--json');
  expect(exitStatus).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    dryRun: false,
    keep: 1,
    keepDays: 0,
    graceDays: 0,
    gaveWay: null,
    snapshots: { kept: { objects: 1 }, markedNow: { objects: 0 }, waiting: { objects: 0 }, removed: { objects: 1 } },
    packs: { kept: { objects: 1, bytes: 2000 }, removed: { objects: 1, bytes: 2000 } },
  });
});

test('a dry run needs no --yes, and writes nothing', async () => {
  const { folder, run } = await twoReleases();
  const before = readTree(folder);
  const { exitStatus, out } = await run(...ALL, '--dry-run');
  expect(exitStatus).toBe(0);
  expect(out).toMatch(/Would remove 2 objects, 2\.\d+ kB; nothing was written\./);
  expect(readTree(folder)).toEqual(before);
});

test('without a terminal and --yes nothing is removed', async () => {
  const { folder, run } = await twoReleases();
  const before = readTree(folder);
  expect(await run(...ALL)).toMatchObject({ exitStatus: 2, err: expect.stringContaining('add --yes') });
  expect(readTree(folder)).toEqual(before);
});

test('a sweep that gives way exits 3 and names the sync; a dry run says it and exits 0', async () => {
  const { run, source } = await twoReleases();
  const sync = await source.request();
  const { exitStatus, out } = await run(...ALL, '--yes');
  expect(out).toContain(`sync ${sync} is taking stock of plant-a/source: the sweep gave way; run it again later`);
  expect(exitStatus).toBe(3);
  const dry = await run(...ALL, '--dry-run', '--json');
  expect(dry.exitStatus).toBe(0);
  expect(JSON.parse(dry.out)).toMatchObject({ gaveWay: expect.stringContaining(sync), dryRun: true });
});

test.each([
  ['--keep', '0'],
  ['--keep-days', '-1'],
  ['--grace-days', 'x'],
  ['--grace-days', ''],
])('%s %j is wrong use', async (flag, value) => {
  const { run } = await twoReleases();
  expect(await run(`${flag}=${value}`, '--yes')).toMatchObject({ exitStatus: 2, out: '' });
});

test('a store that is not there is not made', async () => {
  const folder = await temporaryFolder();
  mkdirSync(join(folder, 'state'));
  const storeUrl = pathToFileURL(join(folder, 'nothing')).href;
  const run = await runCaptured(['prune', '--yes'], { stateFolder: join(folder, 'state'), storeUrl });
  expect(run).toMatchObject({ exitStatus: 2, err: expect.stringContaining('there is no store') });
});
