import { linkSync, lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { syncFolder } from '#adapters/durable-file.ts';
import { hasCode, retryWhileInUse } from '#adapters/file-errors.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import { findEntry, isReadOnly, isThere } from './find-entry.ts';
import type { Journal } from './journal.ts';
import type { WorkFolder } from './work-folder.ts';

export interface Activation {
  readonly root: string;
  readonly work: WorkFolder;
  readonly journal: Journal;
}

/**
 * Keeps what is there in the work folder, and puts what is staged in its place. An updated file is replaced by one
 * rename, so that at any moment it is there, wholly old or wholly new: a terminal may boot right now. Yields after each
 * change to the tree, with the number of operations done. Throws at the first that fails; undo.ts leads back from any
 * point.
 */
export async function* activate(activation: Activation): AsyncGenerator<number, void, undefined> {
  const { journal, root, work } = activation;
  const operations = [...journal.operations.entries()];
  let done = 0;
  for (const [number, operation] of operations) {
    const path = `${root}/${operation.path}`;
    if (operation.change === 'remove') {
      await move(path, work.old(number));
      yield ++done;
    } else if (operation.change === 'update') {
      keep(path, work.old(number));
      yield done;
    }
  }
  for (const folder of emptied(journal.operations)) {
    await removeIfEmpty(`${root}/${folder}`);
    yield done;
  }
  for (const folder of journal.newFolders) {
    makeFolder(`${root}/${folder.slice(0, -1)}`);
    yield done;
  }
  for (const [number, operation] of operations) {
    if (!bringsContent(operation)) continue;
    if (operation.change === 'create') assertFree(`${root}/${operation.path}`);
    else if (!isThere(work.old(number))) await move(`${root}/${operation.path}`, work.old(number));
    await move(work.fresh(number, operation.sha256), `${root}/${operation.path}`);
    yield ++done;
  }
  await syncTouched(activation);
}

export function replaces(
  operation: Operation,
): operation is Extract<Operation, { readonly change: 'update' | 'remove' }> {
  return operation.change === 'update' || operation.change === 'remove';
}

export function move(from: string, to: string): Promise<void> {
  return retryWhileInUse(() => renameSync(from, to));
}

/**
 * A second name for the old content. Where there can be none, the old file moves away just before the new one takes its
 * place: on a file system without links, and for a file that Windows shows as read-only, which no rename replaces, and
 * whose attribute a second name would share.
 */
function keep(path: string, kept: string): void {
  if (process.platform === 'win32' && isReadOnly(lstatSync(path))) return;
  try {
    linkSync(path, kept);
  } catch (error) {
    if (!hasCode(error, ...NO_LINK)) throw error;
  }
}

/** Folders in which names changed, and that are there now. */
export async function syncTouched({ journal, root }: Activation): Promise<void> {
  const folders = new Set(journal.operations.flatMap(({ path }) => ['', ...foldersAbove(path)]));
  for (const folder of folders) {
    try {
      await syncFolder(`${root}/${folder}`);
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
  }
}

/** From the deepest up: folders that only removals happen in, and that nothing is put into; never the root. */
function emptied(operations: readonly Operation[]): string[] {
  const needed = new Set(
    operations.filter(({ change }) => change !== 'remove').flatMap(({ path }) => foldersAbove(path)),
  );
  const left = new Set(
    operations.filter(({ change }) => change === 'remove').flatMap(({ path }) => foldersAbove(path)),
  );
  return [...left].filter((folder) => !needed.has(folder)).sort((a, b) => b.length - a.length);
}

/** One that another program works in stays, on Windows: an empty folder is no difference. */
export async function removeIfEmpty(path: string): Promise<void> {
  try {
    await retryWhileInUse(() => rmdirSync(path));
  } catch (error) {
    const isInUse = process.platform === 'win32' && hasCode(error, 'EBUSY', 'EPERM', 'EACCES');
    if (!isInUse && !hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR')) throw error;
  }
}

/** `a/b/c` and `a/b/c/` lie in `a` and `a/b`; the folder `a/b/c/` counts itself, too. */
export function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1))
    folders.push(path.slice(0, slash));
  return folders;
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST') || !lstatSync(path).isDirectory()) throw error;
  }
}

/** A rename would silently replace what appeared here after the plan was checked. */
function assertFree(path: string): void {
  if (findEntry(path) !== undefined) throw new Error(`${path} has appeared meanwhile`);
}

/** What link(2) says where there are no links; EBUSY: another program shares the file with nobody. */
const NO_LINK = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL', 'EISDIR', 'EBUSY'];
