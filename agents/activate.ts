import { linkSync, lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { syncFolder } from '#adapters/durable-file.ts';
import { hasCode, retryWhileInUse } from '#adapters/file-errors.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import { findEntry, isReadOnly } from './find-entry.ts';
import { HeldFolders } from './held-folders.ts';
import type { FormerFolder, Journal } from './journal.ts';
import { restoreFolder } from './restore-folder.ts';
import { isWorthOneSync, syncFileSystem } from './sync-file-system.ts';
import type { WorkFolder } from './work-folder.ts';

export interface Activation {
  readonly root: string;
  readonly work: WorkFolder;
  readonly journal: Journal;
  /** Of a rollback: what was known of folders, by their paths, when they were removed. */
  readonly formerFolders?: ReadonlyMap<string, FormerFolder>;
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
  using folders = new HeldFolders(root);
  let done = 0;
  for (const [number, operation] of operations) {
    const path = `${root}/${operation.path}`;
    if (operation.change === 'remove') {
      await setAside(folders, path, work.old(number));
      yield ++done;
    } else if (operation.change === 'update') {
      folders.use([path, work.old(number)], keep);
      yield done;
    }
  }
  await syncFolder(`${work.path}/old`);
  for (const folder of emptied(journal.operations)) {
    await removeIfEmpty(folders, `${root}/${folder}`);
    yield done;
  }
  for (const folder of journal.newFolders) {
    const former = activation.formerFolders?.get(folder);
    if (former !== undefined) restoreFolder(folders, activation, former);
    else folders.use([`${root}/${folder.slice(0, -1)}`], makeFolder);
    yield done;
  }
  for (const [number, operation] of operations) {
    if (!bringsContent(operation)) continue;
    const path = `${root}/${operation.path}`;
    const fresh = work.fresh(number, operation.sha256);
    if (operation.change === 'create') await moveToFree(folders, fresh, path);
    else {
      if (folders.find(work.old(number)) === undefined) await setAside(folders, path, work.old(number));
      await move(folders, fresh, path);
    }
    yield ++done;
  }
  await syncTouched(activation);
}

export function replaces(
  operation: Operation,
): operation is Extract<Operation, { readonly change: 'update' | 'remove' }> {
  return operation.change === 'update' || operation.change === 'remove';
}

/** A file, or a folder if it is empty. */
export function removes({ change }: Operation): boolean {
  return change === 'remove' || change === 'remove-folder';
}

export function move(folders: HeldFolders, from: string, to: string): Promise<void> {
  return retryWhileInUse(() => folders.use([from, to], renameSync));
}

/** Never onto what is kept already: a rename would silently replace the only pre-image that there is. */
function setAside(folders: HeldFolders, path: string, kept: string): Promise<void> {
  return moveToFree(folders, path, kept);
}

/** A rename would silently replace what appeared there after the plan was checked. */
function moveToFree(folders: HeldFolders, from: string, to: string): Promise<void> {
  return retryWhileInUse(() =>
    folders.use([from, to], (old, fresh) => {
      if (findEntry(fresh) !== undefined) throw new Error(`${to} has appeared meanwhile`);
      renameSync(old, fresh);
    }),
  );
}

/**
 * A second name for the old content; a link takes no other's place. Where there can be none, the old file moves away
 * just before the new one takes its place: on a file system without links, and for a file that Windows shows as
 * read-only, which no rename replaces, and whose attribute a second name would share.
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
  if ((await isWorthOneSync(root, folders.size)) && (await syncFileSystem(root))) return;
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
  const needed = new Set(operations.filter((one) => !removes(one)).flatMap(({ path }) => foldersAbove(path)));
  const left = new Set(operations.filter(removes).flatMap(({ path }) => foldersAbove(path)));
  return [...left].filter((folder) => !needed.has(folder)).sort((a, b) => b.length - a.length);
}

/** One that another program works in stays, on Windows: an empty folder is no difference. */
export async function removeIfEmpty(folders: HeldFolders, path: string): Promise<void> {
  try {
    await retryWhileInUse(() => folders.use([path], (name) => rmdirSync(name)));
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

/** What link(2) says where there are no links; EBUSY: another program shares the file with nobody. */
const NO_LINK = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL', 'EISDIR', 'EBUSY'];
