import { link, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { StorePermanent, StorePrecondition } from '#core/errors.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const BODY = new TextEncoder().encode('hello');

test('keeps each object as a plain file of its key', async () => {
  const folder = await temporaryFolder();
  await new DirectoryStore(folder).create('packs/aa/x', BODY);
  expect(await readFile(join(folder, 'packs', 'aa', 'x'), 'utf8')).toBe('hello');
  expect((await stat(join(folder, 'packs', 'aa', 'x'))).nlink).toBe(1);
});

test('never names a file as Windows names a device', async () => {
  const folder = await temporaryFolder();
  await new DirectoryStore(folder).put('con/aux.json', BODY);
  expect(await readdir(folder)).toContain('%con');
  expect(await readdir(join(folder, '%con'))).toEqual(['%aux.json']);
});

test('says where it is', async () => {
  const folder = await temporaryFolder();
  expect(new DirectoryStore(folder).url).toBe(pathToFileURL(folder).href);
});

test('makes its folder only when opened', async () => {
  const folder = join(await temporaryFolder(), 'new', 'store');
  const store = new DirectoryStore(folder);
  expect(await store.get('a')).toBeUndefined();
  await expect(store.put('a', BODY)).rejects.toThrow(`the store folder ${folder} does not exist`);
  await expect(store.put('a', BODY)).rejects.toThrow(StorePermanent);
  await DirectoryStore.open(folder);
  await store.put('a', BODY);
});

test('goes on after its folder was emptied by somebody else', async () => {
  const folder = await temporaryFolder();
  const store = new DirectoryStore(folder);
  await store.put('a/b', BODY);
  await rm(join(folder, 'a'), { recursive: true });
  await rm(join(folder, '.lockstep'), { recursive: true });
  await expect(store.put('a/b', BODY)).rejects.toThrow('vanished');
  await store.put('a/b', BODY);
  expect(await store.head('a/b')).toBeDefined();
});

test('removes what a killed process left behind, and nothing that may still be written', async () => {
  const folder = await temporaryFolder();
  const temporary = join(folder, '.lockstep', 'tmp');
  await mkdir(temporary, { recursive: true });
  await writeFile(join(temporary, 'left'), 'part');
  await utimes(join(temporary, 'left'), 0, 0);
  await writeFile(join(temporary, 'fresh'), 'part');
  const store = new DirectoryStore(folder);
  await store.put('a', BODY);
  expect(await readdir(temporary)).toEqual(['fresh']);
  expect((await Array.fromAsync(store.list(''))).map(({ key }) => key)).toEqual(['a']);
});

test('passes over files that are no objects', async () => {
  const folder = await temporaryFolder();
  const store = new DirectoryStore(folder);
  await store.put('a/b', BODY);
  for (const name of ['.DS_Store', 'note.', 'with space', '%plain']) await writeFile(join(folder, 'a', name), '');
  expect((await Array.fromAsync(store.list(''))).map(({ key }) => key)).toEqual(['a/b']);
});

test('refuses a key that is the folder of another, either way', async () => {
  const store = new DirectoryStore(await temporaryFolder());
  await store.put('a', BODY);
  await expect(store.put('a/b', BODY)).rejects.toThrow('another object is in the way');
  await store.put('c/d', BODY);
  await expect(store.put('c', BODY)).rejects.toThrow(StorePermanent);
  expect(await store.get('a/b')).toBeUndefined();
  expect(await store.get('c')).toBeUndefined();
});

test('gives every version its own etag, at any speed and with a clock that goes back', async () => {
  const folder = await temporaryFolder();
  const store = new DirectoryStore(folder);
  const { etag } = await store.create('a', BODY);
  const etags = new Set([etag]);
  const future = Date.now() / 1000 + 3600;
  await utimes(join(folder, 'a'), future, future);
  for (let version = 0; version < 200; version += 1) etags.add((await store.put('a', BODY)).etag);
  expect(etags.size).toBe(201);
  expect((await store.head('a'))?.modified.getTime()).toBeGreaterThan(future * 1000);
});

test('takes an object that changed by hand for another version', async () => {
  const folder = await temporaryFolder();
  const store = new DirectoryStore(folder);
  const { etag } = await store.create('a', BODY);
  await writeFile(join(folder, 'a'), 'HELLO');
  expect(await store.getIfChanged('a', etag)).not.toBe('not-modified');
  await expect(store.replace('a', BODY, etag)).rejects.toThrow(StorePrecondition);
});

test('keeps an object whose creator was killed before it removed the staged name', async () => {
  const folder = await temporaryFolder();
  const store = new DirectoryStore(folder);
  await store.create('a', BODY);
  const leftover = join(folder, '.lockstep', 'tmp', 'left');
  await link(join(folder, 'a'), leftover);
  await utimes(leftover, 0, 0);
  const later = new DirectoryStore(folder);
  await later.put('b', BODY);
  expect((await later.get('a'))?.body).toEqual(BODY);
  expect(await readdir(join(folder, '.lockstep', 'tmp'))).toEqual([]);
});
