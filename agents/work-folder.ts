import { lstatSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hasCode, retryWhileInUse } from '#adapters/file-errors.ts';
import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import type { Order } from '#core/order.ts';
import { WORK_FOLDER } from '#core/path-rules.ts';
import { findEntry } from './find-entry.ts';

/** Where one apply keeps its files: below the root, for a rename must stay on one file system. */
export interface WorkFolder {
  /** Absolute. */
  readonly path: string;
  /** New content, by the number of its operation; the name says what it is to become. */
  readonly fresh: (operation: number, content: Sha256) => string;
  /** Chunks that are only needed to decode others. */
  readonly bases: string;
  /** An index of the source's snapshot. */
  readonly index: (digest: Sha256) => string;
  /** What was there before, by the number of its operation. */
  readonly old: (operation: number) => string;
  readonly journal: string;
  /** The signed receipt of an apply that is done: its being there is the commit. */
  readonly receipt: string;
}

const PREFIX = 'apply-';

export function workFolderOf(root: string, order: Pick<Order, 'order'>): WorkFolder {
  return workFolderAt(`${root}/${WORK_FOLDER}/${PREFIX}${order.order}`);
}

/** Those of all applies, finished or not. */
export function listWorkFolders(root: string): WorkFolder[] {
  const folder = `${root}/${WORK_FOLDER}`;
  if (findEntry(folder)?.isDirectory() !== true) return [];
  const names = readdirSync(folder).filter((name) => name.startsWith(PREFIX));
  return names.sort().map((name) => workFolderAt(`${folder}/${name}`));
}

export function makeWorkFolder(root: string, work: WorkFolder): void {
  for (const path of [`${root}/${WORK_FOLDER}`, work.path, `${work.path}/new`, `${work.path}/old`]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // What a stranger planted there would lead our writes elsewhere.
    if (!lstatSync(path).isDirectory())
      throw new OrderRefused('PROTECTED_PATH', `${path} is not a folder: remove it, then plan again`);
  }
}

/** Removes the folder with all that is in it, and the one above when that was the last. */
export async function dropWorkFolder(root: string, work: WorkFolder): Promise<void> {
  // Where there is none, not even a removal is tried: the root may be read-only. A link leads to what is not ours.
  if (findEntry(`${root}/${WORK_FOLDER}`)?.isDirectory() !== true) return;
  // The journal first: without it the rest is only rubbish, whenever this is interrupted.
  await rm(work.journal, { force: true });
  try {
    // Not with retries of its own: on each level of folders they try again what was tried below.
    await retryWhileInUse(() => rm(work.path, { recursive: true, force: true }));
  } catch (error) {
    // A second name of an old file that another program has open: only litter, and gone with a later apply.
    if (process.platform !== 'win32' || !hasCode(error, 'EBUSY', 'EPERM', 'EACCES', 'ENOTEMPTY')) throw error;
  }
  dropIfEmpty(root);
}

export function dropIfEmpty(root: string): void {
  try {
    rmdirSync(`${root}/${WORK_FOLDER}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'EPERM') throw error;
  }
}

function workFolderAt(path: string): WorkFolder {
  return {
    path,
    fresh: (operation, content) => `${path}/new/${operation}.${content}`,
    bases: `${path}/bases`,
    index: (digest) => `${path}/index.${digest}`,
    old: (operation) => `${path}/old/${operation}`,
    journal: `${path}/journal.ndjson`,
    receipt: `${path}/receipt.json`,
  };
}
