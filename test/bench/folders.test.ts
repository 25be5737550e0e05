import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assertHolds } from '#bench/assert-holds.ts';
import { copyFolder, isDigestName } from '#bench/copy-folder.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, writeTree } from '#test/support/trees.ts';

const { signal } = new AbortController();

it('a copy shares what is named by its digest, and nothing else', async () => {
  const folder = await temporaryFolder();
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  const pack = `packs/aa/${'a1'.repeat(32)}`;
  writeTree(from, { [pack]: 'never changed', 'state.json': 'changed in place', 'deep/er/x': 'y' });
  mkdirSync(join(from, 'empty'));
  utimesSync(join(from, 'state.json'), 1000, 2000);
  await copyFolder({ from, to, isShared: isDigestName }, signal);
  expect(readTree(to)).toEqual(readTree(from));
  expect(statSync(join(to, 'empty')).isDirectory()).toBe(true);
  expect(statSync(join(to, 'state.json')).mtimeMs).toBe(2_000_000);
  const isSame = (path: string) => statSync(join(to, path)).ino === statSync(join(from, path)).ino;
  expect([isSame(pack), isSame('state.json')]).toEqual([true, false]);
});

it('a destination holds what its source does, but for licenses', async () => {
  const folder = await temporaryFolder();
  const [destination, source] = [join(folder, 'destination'), join(folder, 'source')];
  writeTree(source, { 'a/b': 'content', 'server.lic': 'not to travel' });
  writeTree(destination, { 'a/b': 'content', 'of its own': 'stays' });
  await assertHolds(destination, source, signal);
  writeFileSync(join(destination, 'a/b'), 'cOntent');
  await expect(assertHolds(destination, source, signal)).rejects.toThrow('a/b is not at the destination');
  rmSync(join(destination, 'a/b'));
  await expect(assertHolds(destination, source, signal)).rejects.toThrow('a/b is not at the destination');
});
