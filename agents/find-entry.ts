import { lstatSync, type Stats } from 'node:fs';
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

/** The attribute of Windows, which Node shows as permissions. */
export function isReadOnly({ mode }: { readonly mode: number }): boolean {
  return (mode & 0o222) === 0;
}
