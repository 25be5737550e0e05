import { chmodSync, chownSync, lstatSync, mkdirSync, utimesSync } from 'node:fs';
import { hasCode } from '#adapters/file-errors.ts';
import { type Activation, move, removeIfEmpty, replaces, syncTouched } from './activate.ts';
import { findEntry, isThere } from './find-entry.ts';
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
    if (operation.change !== 'create' || isThere(work.fresh(number, operation.sha256))) continue;
    if (findEntry(`${root}/${operation.path}`)?.isFile() === true)
      await move(`${root}/${operation.path}`, work.fresh(number, operation.sha256));
  }
  // One that was empty before it was to be made, or in which somebody else has put something, stays.
  for (const folder of journal.newFolders.toReversed()) await removeIfEmpty(`${root}/${folder.slice(0, -1)}`);
  for (const folder of byDepth(journal.folders)) restoreFolder(root, folder);
  for (const [number, operation] of operations) {
    if (replaces(operation)) await putBack(work.old(number), `${root}/${operation.path}`);
  }
  await syncTouched(activation);
  for (const folder of byDepth(journal.folders).reverse()) restoreTime(root, folder);
}

async function putBack(kept: string, path: string): Promise<void> {
  if (!isThere(kept) || isSameFile(kept, path)) return;
  // Windows renames over no file that is read-only, as the new one may be.
  if (process.platform === 'win32' && isThere(path)) chmodSync(path, 0o666);
  await move(kept, path);
}

/** Two names of the old file: it was never replaced. Windows would not rename it while another program has it open. */
function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && a.ino === b?.ino && a.dev === b.dev;
}

function byDepth(folders: readonly FormerFolder[]): FormerFolder[] {
  return folders.toSorted((a, b) => a.path.length - b.path.length);
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
