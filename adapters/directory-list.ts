import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path/posix';
import { type DirectoryLayout, segmentOf } from './directory-layout.ts';
import { hasCode } from './file-errors.ts';
import { isObjectKey } from './object-key.ts';

/** Keys with this prefix, in order, a folder at a time. Files that no key can name are passed over. */
export async function* keysBelow(layout: DirectoryLayout, prefix: string): AsyncGenerator<string> {
  const folder = dirname(`${prefix}_`);
  if (folder === '.') yield* keysIn(layout, '', prefix);
  else if (isObjectKey(folder)) yield* keysIn(layout, `${folder}/`, prefix);
}

/** In no order. */
export async function foldersIn(layout: DirectoryLayout, prefix: string): Promise<string[]> {
  if (!isObjectKey(`${prefix}x`)) return [];
  const entries = await entriesOf(layout, prefix);
  return entries.filter((entry) => entry.isDirectory()).flatMap(({ name }) => segmentOf(name) ?? []);
}

async function* keysIn(layout: DirectoryLayout, folder: string, prefix: string): AsyncGenerator<string> {
  for (const name of (await entriesOf(layout, folder)).flatMap(keyPartOf).sort()) {
    const key = folder + name;
    if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue;
    if (key.endsWith('/')) yield* keysIn(layout, key, prefix);
    else if (key.startsWith(prefix)) yield key;
  }
}

/** A folder sorts as the keys in it do, with its slash: `a-b` before `a/c` before `a0`. */
function keyPartOf(entry: Dirent): string[] {
  const segment = segmentOf(entry.name);
  if (segment === undefined) return [];
  if (entry.isDirectory()) return [`${segment}/`];
  return entry.isFile() ? [segment] : [];
}

async function entriesOf(layout: DirectoryLayout, folder: string): Promise<Dirent[]> {
  const path = folder === '' ? layout.root : layout.pathOf(folder.slice(0, -1));
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
