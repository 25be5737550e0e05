import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { hasCode } from '#adapters/file-errors.ts';
import { BadInput } from '#core/errors.ts';
import type { Folder } from './parties.ts';
import type { StoreLocation } from './store-location.ts';

export interface FolderChecks {
  /** A rollback has none. */
  readonly source?: Folder;
  readonly destinations: readonly Folder[];
  readonly location: StoreLocation;
  /** Whether the destinations will be written. */
  readonly writes: boolean;
}

/** Throws BadInput before anything is started or made when these folders cannot be synchronized. */
export async function assertFoldersUsable({ source, destinations, location, writes }: FolderChecks): Promise<void> {
  const trees = await Promise.all([...(source === undefined ? [] : [source]), ...destinations].map(toTree));
  for (const [index, one] of trees.entries()) {
    for (const other of trees.slice(index + 1)) assertApart(one, other);
  }
  for (const folder of [location.folder, location.controlFolder]) {
    if (folder !== undefined) assertStoreApart(trees, await realPathToBe(folder));
  }
  if (source !== undefined) await assertAllowed(source, constants.R_OK | constants.X_OK, 'read');
  for (const destination of destinations) {
    await assertAllowed(destination, constants.R_OK | constants.X_OK, 'read');
    if (writes) await assertAllowed(destination, constants.W_OK, 'written');
  }
}

interface Tree extends Folder {
  readonly real: string;
}

async function toTree(folder: Folder): Promise<Tree> {
  return { ...folder, real: await realPathToBe(folder.path) };
}

function assertApart(one: Tree, other: Tree): void {
  if (one.real === other.real) {
    const aliases = one.given === other.given ? '' : ` (${one.given} and ${other.given})`;
    throw new BadInput(`${one.real} is named twice${aliases}: a folder cannot be synchronized with itself`);
  }
  if (holds(one.real, other.real))
    throw new BadInput(`${other.given} lies inside ${one.given}: name folders that lie apart`);
  if (holds(other.real, one.real))
    throw new BadInput(`${one.given} lies inside ${other.given}: name folders that lie apart`);
}

function assertStoreApart(trees: readonly Tree[], folder: string): void {
  for (const { given, real } of trees) {
    if (real === folder || holds(real, folder) || holds(folder, real)) {
      throw new BadInput(
        `the store (${folder}) and ${given} must lie apart: put the store elsewhere with --store file://FOLDER`,
      );
    }
  }
}

async function assertAllowed(folder: Folder, mode: number, verb: string): Promise<void> {
  try {
    await access(folder.path, mode);
  } catch (cause) {
    throw new BadInput(`${folder.given} cannot be ${verb}: give this user the permission, or run as one that has it`, {
      cause,
    });
  }
}

function holds(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The real path that a folder has, or will have once it is made. */
async function realPathToBe(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (!hasCode(cause, 'ENOENT'))
      throw new BadInput(`${path} cannot be looked at (${String(cause)}): check the permissions`, { cause });
    if (dirname(path) === path) throw cause;
    return join(await realPathToBe(dirname(path)), basename(path));
  }
}
