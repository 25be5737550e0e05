import { chmodSync, lstatSync, utimesSync } from 'node:fs';
import { hasCode } from '#adapters/file-errors.ts';
import { type Activation, move, removeIfEmpty, replaces, syncTouched } from './activate.ts';
import { HeldFolders } from './held-folders.ts';
import type { FormerFolder } from './journal.ts';
import { itself, restoreFolder } from './restore-folder.ts';

/**
 * Leads back to the state before `activate`, from wherever it stopped. What was done is read from where the files are,
 * so that an undo that is itself interrupted can be done again. Where something stands in the way, all else goes back
 * before the first problem is thrown.
 */
export async function undo(activation: Activation): Promise<void> {
  const { journal, root, work } = activation;
  const operations = [...journal.operations.entries()].reverse();
  using folders = new HeldFolders(root);
  const problems: unknown[] = [];
  const attempt = async (step: () => void | Promise<void>) => {
    try {
      await step();
    } catch (error) {
      problems.push(error);
    }
  };
  for (const [number, operation] of operations) {
    if (operation.change !== 'create') continue;
    await attempt(() => takeBack(folders, `${root}/${operation.path}`, work.fresh(number, operation.sha256)));
  }
  // One that was empty before it was to be made, or in which somebody else has put something, stays.
  for (const folder of journal.newFolders.toReversed())
    await attempt(() => removeIfEmpty(folders, `${root}/${folder.slice(0, -1)}`));
  for (const folder of byDepth(journal.folders)) await attempt(() => restoreFolder(folders, activation, folder));
  for (const [number, operation] of operations) {
    if (replaces(operation)) await attempt(() => putBack(folders, work.old(number), `${root}/${operation.path}`));
  }
  await syncTouched(activation);
  for (const folder of byDepth(journal.folders).reverse()) await attempt(() => restoreTime(folders, root, folder));
  if (problems.length > 0) throw problems[0];
}

async function takeBack(folders: HeldFolders, path: string, staged: string): Promise<void> {
  if (folders.find(staged) !== undefined || folders.find(path)?.isFile() !== true) return;
  await move(folders, path, staged);
}

async function putBack(folders: HeldFolders, kept: string, path: string): Promise<void> {
  if (folders.find(kept) === undefined || folders.use([kept, path], isSameFile)) return;
  // Windows renames over no file that is read-only, as the new one may be.
  if (process.platform === 'win32' && folders.find(path) !== undefined)
    folders.use([path], (name) => chmodSync(name, 0o666));
  await move(folders, kept, path);
}

/** Two names of the old file: it was never replaced. Windows would not rename it while another program has it open. */
function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && a.ino === b?.ino && a.dev === b.dev;
}

function byDepth(folders: readonly FormerFolder[]): FormerFolder[] {
  return folders.toSorted((a, b) => a.path.length - b.path.length);
}

function restoreTime(folders: HeldFolders, root: string, { mtime, path }: FormerFolder): void {
  try {
    folders.use([itself(`${root}/${path}`.replace(/\/$/, ''))], (name) => utimesSync(name, new Date(), mtime / 1000));
  } catch (error) {
    // Somebody else's folder that we may write in; its time is no part of the state.
    if (!hasCode(error, 'EPERM', 'EACCES')) throw error;
  }
}
