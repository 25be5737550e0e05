import { chmodSync, chownSync, mkdirSync, rmdirSync, utimesSync } from 'node:fs';
import { hasCode } from '#adapters/file-errors.ts';
import { type Activation, move, replaces, syncTouched } from './activate.ts';
import { findEntry } from './find-entry.ts';
import type { FormerFolder } from './journal.ts';

/**
 * Leads back to the state before `activate`, from wherever it stopped. What was done is read from where the files are,
 * so that an undo that is itself interrupted can be done again. Throws when something stands in the way; what is
 * already back stays back.
 */
export async function undo(activation: Activation): Promise<void> {
  const { journal, root, work } = activation;
  const operations = [...journal.operations.entries()].reverse();
  for (const [number, operation] of operations) {
    if (operation.change !== 'create' || isThere(work.fresh(number))) continue;
    if (findEntry(`${root}/${operation.path}`)?.isFile() === true)
      await move(`${root}/${operation.path}`, work.fresh(number));
  }
  for (const folder of journal.newFolders.toReversed()) removeFolder(`${root}/${folder.slice(0, -1)}`);
  for (const folder of byDepth(journal.folders)) restoreFolder(root, folder);
  for (const [number, operation] of operations) {
    if (replaces(operation) && isThere(work.old(number))) await move(work.old(number), `${root}/${operation.path}`);
  }
  await syncTouched(activation);
  for (const folder of byDepth(journal.folders).reverse()) restoreTime(root, folder);
}

function isThere(path: string): boolean {
  return findEntry(path) !== undefined;
}

function byDepth(folders: readonly FormerFolder[]): FormerFolder[] {
  return folders.toSorted((a, b) => a.path.length - b.path.length);
}

/** One that was empty before it was to be made, or in which somebody else has put something, stays. */
function removeFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error;
  }
}

function restoreFolder(root: string, { gid, mode, path, uid }: FormerFolder): void {
  const folder = `${root}/${path}`;
  if (findEntry(folder.replace(/\/$/, '')) !== undefined) return;
  mkdirSync(folder);
  if (process.platform === 'win32') return;
  try {
    chownSync(folder, uid, gid);
  } catch (error) {
    if (!hasCode(error, 'EPERM')) throw error;
  }
  chmodSync(folder, mode);
}

function restoreTime(root: string, { mtime, path }: FormerFolder): void {
  try {
    utimesSync(`${root}/${path}`, new Date(), mtime / 1000);
  } catch (error) {
    // Somebody else's folder that we may write in; its time is no part of the state.
    if (!hasCode(error, 'EPERM', 'EACCES')) throw error;
  }
}
