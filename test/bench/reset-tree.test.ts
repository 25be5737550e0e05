import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resetTree } from '#bench/reset-tree.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, writeTree } from '#test/support/trees.ts';

it('brings a tree back to what it was and does not touch what is the same', async () => {
  const { signal } = new AbortController();
  const folder = await temporaryFolder();
  const [tree, model] = [join(folder, 'tree'), join(folder, 'model')];
  writeTree(model, { 'a/same': 'same', 'a/changed': 'before', 'b/removed': 'was here', kind: 'a file' });
  await resetTree({ folder: tree, wanted: model }, signal);
  expect(readTree(tree)).toEqual(readTree(model));

  const { ino } = statSync(join(tree, 'a/same'));
  writeFileSync(join(tree, 'a/changed'), 'after!');
  utimesSync(join(tree, 'a/changed'), 1, 1);
  for (const path of ['b', 'kind']) rmSync(join(tree, path), { recursive: true });
  writeTree(tree, { 'added/deep': 'new', 'kind/now a folder': '' });
  await resetTree({ folder: tree, wanted: model }, signal);
  expect(readTree(tree)).toEqual(readTree(model));
  expect(statSync(join(tree, 'a/same')).ino).toBe(ino);
});

it('shares files with the model where nobody changes one in place', async () => {
  const folder = await temporaryFolder();
  const [tree, model] = [join(folder, 'tree'), join(folder, 'model')];
  writeTree(model, { 'a/b': 'shared' });
  await resetTree({ folder: tree, wanted: model, byLink: true }, new AbortController().signal);
  expect(statSync(join(tree, 'a/b')).ino).toBe(statSync(join(model, 'a/b')).ino);
});
