import { chmodSync, chownSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { hasCode } from '#adapters/file-errors.ts';
import type { Activation } from './activate.ts';
import type { HeldFolders } from './held-folders.ts';
import type { FormerFolder } from './journal.ts';

/**
 * Makes a folder as it was, unless there is one. It takes its place when it has its owner and permissions, for after a
 * kill in between nobody would know that these are still to be put right.
 */
export function restoreFolder(
  folders: HeldFolders,
  { root, work }: Pick<Activation, 'root' | 'work'>,
  { gid, mode, path, uid }: FormerFolder,
): void {
  const folder = `${root}/${path}`.replace(/\/$/, '');
  if (folders.find(folder) !== undefined) return;
  const made = `${work.path}/folder`;
  if (folders.find(made) !== undefined) folders.use([made], (name) => rmdirSync(name));
  folders.use([made], (name) => mkdirSync(name));
  if (process.platform !== 'win32') folders.use([itself(made)], (name) => dress(name, { gid, mode, uid }));
  folders.use([made, folder], renameSync);
}

function dress(name: string, { gid, mode, uid }: Pick<FormerFolder, 'gid' | 'mode' | 'uid'>): void {
  try {
    chownSync(name, uid, gid);
  } catch (error) {
    if (!hasCode(error, 'EPERM')) throw error;
  }
  chmodSync(name, mode);
}

/** As an entry of its own, so that it is the folder and never a link of that name. */
export function itself(folder: string): string {
  return `${folder}/.`;
}
