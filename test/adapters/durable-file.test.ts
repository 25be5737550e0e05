import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFileDurably, writeFileDurably } from '#adapters/durable-file.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('writeFileDurably', () => {
  test('makes a file, then replaces it, and leaves nothing beside it', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'state.json');
    await writeFileDurably(path, bytes('a long first version'));
    await writeFileDurably(path, bytes('second'));
    expect(await readFile(path, 'utf8')).toBe('second');
    expect(await readdir(folder)).toEqual(['state.json']);
  });

  test('never changes the file that a reader has open', async () => {
    const path = join(await temporaryFolder(), 'state.json');
    await writeFileDurably(path, bytes('first'));
    const before = await stat(path);
    await writeFileDurably(path, bytes('other'));
    expect((await stat(path)).ino).not.toBe(before.ino);
  });

  test.skipIf(process.platform === 'win32')('gives the permissions asked for', async () => {
    const path = join(await temporaryFolder(), 'secret');
    await writeFileDurably(path, bytes('x'), { mode: 0o600 });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('leaves the old file, and nothing else, when it fails', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a');
    await expect(writeFileDurably(join(path, 'below', 'b'), bytes('x'))).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(path, 'old');
    await expect(writeFileDurably(join(path, 'b'), bytes('x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    expect(await readdir(folder)).toEqual(['a']);
    expect(await readFile(path, 'utf8')).toBe('old');
  });
});

describe('createFileDurably', () => {
  test('lets one of many callers win, and the others change nothing', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'once');
    const won = await Promise.all(Array.from({ length: 30 }, (_, index) => createFileDurably(path, bytes(`${index}`))));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(String(won.indexOf(true)));
    expect(await readdir(folder)).toEqual(['once']);
  });
});
