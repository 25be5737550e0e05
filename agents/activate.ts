import { lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { syncFolder } from '#adapters/durable-file.ts';
import { hasCode, retryWhileInUse } from '#adapters/file-errors.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import { findEntry } from './find-entry.ts';
import type { Journal } from './journal.ts';
import type { WorkFolder } from './work-folder.ts';

export interface Activation {
  readonly root: string;
  readonly work: WorkFolder;
  readonly journal: Journal;
}

/**
 * Puts what is staged in its place, and what it replaces into the work folder: renames only, so that every file is at
 * any moment wholly old or wholly new. Throws at the first that fails; undo.ts leads back from any point.
 */
export async function activate(activation: Activation): Promise<void> {
  const { journal, root, work } = activation;
  const operations = [...journal.operations.entries()];
  for (const [number, operation] of operations) {
    if (replaces(operation)) await move(`${root}/${operation.path}`, work.old(number));
  }
  removeEmptied(root, journal.operations);
  for (const folder of journal.newFolders) makeFolder(`${root}/${folder.slice(0, -1)}`);
  for (const [number, operation] of operations) {
    if (!bringsContent(operation)) continue;
    assertFree(`${root}/${operation.path}`);
    await move(work.fresh(number), `${root}/${operation.path}`);
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

/** From the deepest up: folders that the removals have left empty and that nothing is put into; never the root. */
function removeEmptied(root: string, operations: readonly Operation[]): void {
  const needed = new Set(
    operations.filter(({ change }) => change !== 'remove').flatMap(({ path }) => foldersAbove(path)),
  );
  const left = new Set(
    operations.filter(({ change }) => change === 'remove').flatMap(({ path }) => foldersAbove(path)),
  );
  for (const folder of [...left].filter((one) => !needed.has(one)).sort((a, b) => b.length - a.length)) {
    try {
      rmdirSync(`${root}/${folder}`);
    } catch (error) {
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
    }
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
