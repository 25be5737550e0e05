import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '#adapters/file-errors.ts';

/** What is at the path, links not followed; `undefined` when nothing is, or when a file is where its folder should be. */
export function findEntry(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

export function isThere(path: string): boolean {
  return findEntry(path) !== undefined;
}

/** Those of the paths at which something is: for many in few folders, where it takes a call for each folder. */
export function findThere(paths: Iterable<string>): Set<string> {
  const there = new Set<string>();
  for (const [folder, inFolder] of Map.groupBy(paths, dirname)) {
    const names = new Set(namesIn(folder));
    for (const path of inFolder) if (names.has(path.slice(folder.length + 1))) there.add(path);
  }
  return there;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** The attribute of Windows, which Node shows as permissions. */
export function isReadOnly({ mode }: { readonly mode: number }): boolean {
  return (mode & 0o222) === 0;
}
