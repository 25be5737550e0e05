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
