import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { syncFolder } from '#adapters/durable-file.ts';
import { hasCode, retryWhileInUse } from '#adapters/file-errors.ts';
import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import type { Order } from '#core/order.ts';
import { WORK_FOLDER } from '#core/path-rules.ts';
import { findEntry, isThere } from './find-entry.ts';

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
  /** Its being there says that a before or after hook may have run. */
  readonly hooksBegun: string;
  /** The hook at work: one of an agent that is killed goes on without it. */
  readonly hookProcess: string;
  /** Its being there is the decision to go back to the old state. */
  readonly undoing: string;
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

/** Made, or found again with what was staged; without a journal, what else an earlier attempt left there counts for nothing. */
export function makeWorkFolder(root: string, work: WorkFolder): void {
  for (const path of foldersOf(root, work)) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    assertFolder(path);
  }
  // Pre-images are taken once, into an empty folder; and no mark of another attempt may speak for this one.
  for (const path of [work.hooksBegun, work.hookProcess, work.undoing, work.receipt]) rmSync(path, { force: true });
  for (const name of readdirSync(`${work.path}/old`)) rmSync(`${work.path}/old/${name}`, { recursive: true });
}

/** That it is still what was made: staging takes long. */
export function assertWorkFolder(root: string, work: WorkFolder): void {
  foldersOf(root, work).forEach(assertFolder);
}

/** From the top down. */
function foldersOf(root: string, work: WorkFolder): string[] {
  return [`${root}/${WORK_FOLDER}`, work.path, `${work.path}/new`, `${work.path}/old`];
}

/** What a stranger planted there would lead our writes elsewhere. */
function assertFolder(path: string): void {
  if (findEntry(path)?.isDirectory() !== true)
    throw new OrderRefused('PROTECTED_PATH', `${path} is not a folder: remove it, then plan again`);
}

/** Removes the folder with all that is in it, and the one above when that was the last. */
export async function dropWorkFolder(root: string, work: WorkFolder): Promise<void> {
  // Where there is none, not even a removal is tried: the root may be read-only. A link leads to what is not ours.
  if (findEntry(`${root}/${WORK_FOLDER}`)?.isDirectory() !== true) return;
  // The journal first, and for good: without it the rest is only rubbish, whenever this is interrupted.
  if (isThere(work.journal)) {
    await rm(work.journal, { force: true });
    await syncFolder(work.path);
  }
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
    hooksBegun: `${path}/hooks-begun`,
    hookProcess: `${path}/hook.json`,
    undoing: `${path}/undo.json`,
    receipt: `${path}/receipt.json`,
  };
}
