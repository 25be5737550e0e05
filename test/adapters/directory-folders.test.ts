import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { DirectoryFolders } from '#adapters/directory-folders.ts';
import { DirectoryLayout } from '#adapters/directory-layout.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

let root: string;
let folders: DirectoryFolders;
let synced: string[];

beforeEach(async () => {
  root = await temporaryFolder();
  synced = [];
  folders = new DirectoryFolders(new DirectoryLayout(root), async (folder) => {
    synced.push(relative(root, folder));
  });
  await ready('z/key');
});

/** Which folders' names are put to the disk before an object of this key is written. */
async function ready(key: string): Promise<string[]> {
  synced.length = 0;
  await folders.ready(key, dirname(join(root, key)));
  return synced;
}

describe('before an object is written, on disk are the names', () => {
  it('of its folder and all above it', async () => {
    expect(await ready('a/b/c/key')).toEqual(['a/b', 'a', '']);
  });

  it('of no more than what is not known to be there', async () => {
    await ready('a/b/c/key');
    expect(await ready('a/b/c/other')).toEqual([]);
    expect(await ready('a/b/key')).toEqual([]);
    expect(await ready('a/b/d/key')).toEqual(['a/b']);
  });

  it('of what another process has just made', async () => {
    await mkdir(join(root, 'a/b'), { recursive: true });
    expect(await ready('a/b/key')).toEqual(['a', '']);
  });

  it('of what was removed, and is made again', async () => {
    await ready('a/b/c/key');
    await rm(join(root, 'a'), { recursive: true });
    expect(await ready('a/b/d/key')).toEqual(['a/b', 'a', '']);
  });
});
