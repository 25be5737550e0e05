import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFleet } from '#bench/fleet/make-fleet.ts';
import { findTwoVersions } from '#bench/fleet/software.ts';
import { sha256 } from '#core/digest.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { writeTree } from '#test/support/trees.ts';

/** Of the trees as they were first defined: results of different years can be compared as long as these stand. */
const TREES = [
  ['base', 126, 'de022e149acd9f5ece4cd8c510d2fad36e75bf568596d30e032a4f63d7c2eb3f'],
  ['next', 126, '4cf66b181c74f1515b2285798c3133de479aaa97c9ba74388a7acb3f6753eb0d'],
  ['next2', 126, 'a9f9e2af8562f90f4d3a44b93659fbe838efa0b04d299ff376e14311959ba048'],
  ['next3', 126, '67b9f29065e6dee52472826cb7dc64e28a0c931267ab4ecf2e32d72a2ed3e8fa'],
  ['many', 5000, 'b02f70a10ccf6e3b855f1314a72105f1922008eeb4922c11185ab71404734647'],
  ['many-next', 5000, '1196233a6ad6f1bdec7d4dac660e94fa66c1c801b0ab4361af14d98a7e729da3'],
  ['shrink-next', 4, '483e1d46ea696d1a1e371a0599bcae5f608d90b6caf003a71cf59ecbe78224bd'],
  ['swap-next', 4, 'aae154b2bf0515654418c819f24b70c667358bff3bf32832cda61dad5ffc6d93'],
] as const;

describe('the trees of the bench', () => {
  it.each(TREES)('%s is the same on every machine', async (release, files, treeSha256) => {
    const folder = join(await temporaryFolder(), release);
    expect(makeFleet(folder, 'small', release)).toMatchObject({ files, treeSha256 });
  });

  it('a release leaves the time of an unchanged file alone', async () => {
    const folder = await temporaryFolder();
    for (const release of ['base', 'next', 'next3'] as const) makeFleet(join(folder, release), 'small', release);
    const timeOf = (path: string) => statSync(join(folder, path)).mtimeMs;
    for (const later of ['next', 'next3']) {
      expect(timeOf(`${later}/Firmware/package-09.fpkg`)).toBe(timeOf('base/Firmware/package-09.fpkg'));
      expect(timeOf(`${later}/Firmware/package-08.fpkg`)).toBeGreaterThan(timeOf('base/Firmware/package-08.fpkg'));
    }
    expect(existsSync(join(folder, 'next/Licenses/server-1.lic'))).toBe(true);
  });

  it('swapped files have each other’s content', async () => {
    const folder = await temporaryFolder();
    for (const release of ['swap', 'swap-next'] as const) makeFleet(join(folder, release), 'small', release);
    const digestOf = (path: string) => sha256(readFileSync(join(folder, path)));
    for (const [one, other] of [
      ['package-a.bin', 'package-b.bin'],
      ['note-b.txt', 'note-a.txt'],
    ]) {
      expect(digestOf(`swap-next/${one}`)).toBe(digestOf(`swap/${other}`));
      expect(digestOf(`swap-next/${other}`)).toBe(digestOf(`swap/${one}`));
    }
  });

  it('the database is one that SQLite reads, with fewer and other rows later', async () => {
    const folder = await temporaryFolder();
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    const counts = (['sqlite', 'sqlite-updated', 'sqlite-vacuumed'] as const).map((release) => {
      makeFleet(join(folder, release), 'small', release);
      const database = new DatabaseSync(join(folder, release, 'data/devices.sqlite'), { readOnly: true });
      const row = database.prepare('SELECT count(*) AS rows, max(id) AS last FROM device').get();
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      database.close();
      return { ...row };
    });
    const later = { rows: 10_050, last: 10_100 };
    expect(counts).toEqual([{ rows: 10_000, last: 10_000 }, later, later]);
  });
});

it('finds the packages that are installed in two versions, by number and not by letter', async () => {
  const folder = await temporaryFolder();
  const named = (name: string, version: string) => JSON.stringify({ name, version });
  writeTree(folder, {
    'once/package.json': named('once', '1.0.0'),
    'twice/package.json': named('twice', '10.0.0'),
    'twice/lib/new.js': 'new',
    'once/node_modules/twice/package.json': named('twice', '9.0.0'),
    'once/node_modules/twice/node_modules/@own/deep/package.json': named('@own/deep', '1.0.0'),
  });
  const found = findTwoVersions(folder);
  const pathsOf = (files: readonly { readonly path: string }[]) => files.map(({ path }) => path);
  expect(found.map(({ name, older, newer }) => [name, pathsOf(older), pathsOf(newer)])).toEqual([
    ['twice', ['package.json'], ['lib/new.js', 'package.json']],
  ]);
  expect(readFileSync(join(folder, 'twice/lib/new.js'))).toEqual(found[0]?.newer[0]?.read());
  expect(readdirSync(folder)).toHaveLength(2);
});
