import { accessSync, constants, lstatSync, type Stats } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hasCode } from '#adapters/file-errors.ts';
import { isSyncedClass } from '#core/classify.ts';
import { OrderRefused } from '#core/errors.ts';
import { type Manifest, type ManifestEntry, stateLine } from '#core/manifest.ts';
import type { ApplyOrder } from '#core/order.ts';
import { foldPath } from '#core/path-rules.ts';
import type { Operation, PlanPart } from '#core/plan.ts';
import { needAcknowledgement } from '#core/removals.ts';
import { foldersAbove, removes, replaces } from './activate.ts';
import { allocatedBytes } from './carry-over.ts';
import type { AgentContext } from './context.ts';
import { findEntry, findThere, isThere } from './find-entry.ts';
import type { FormerFolder } from './journal.ts';
import { preImageBytes } from './pre-images.ts';
import { type FileStamp, sameStamp } from './read-file.ts';
import { RealNames } from './real-names.ts';

/** That the plan was made with this agent's own profile, and touches only what by that profile travels. */
export function assertAllowed(
  part: PlanPart,
  { classify, profileDigest }: Pick<AgentContext, 'classify' | 'profileDigest'>,
): void {
  if (part.header.profile !== profileDigest) {
    throw new OrderRefused(
      'GUARD',
      'the plan was made with another profile than this agent has: give both sides the same profile file',
    );
  }
  for (const operation of part.operations) {
    const own = classify(operation.path.replace(/\/$/, ''));
    if (!isSyncedClass(own)) {
      throw new OrderRefused('PROTECTED_PATH', `${JSON.stringify(operation.path)} is ${own} here and is never written`);
    }
    if ('class' in operation && operation.class !== own) {
      throw new OrderRefused(
        'GUARD',
        `${JSON.stringify(operation.path)} is ${own} here, the plan says ${operation.class}`,
      );
    }
  }
}

/** That no operation goes to a protected file by another spelling of its name. */
export function assertNothingProtected(operations: readonly Operation[], manifest: Manifest): void {
  const files = new Map<string, string>();
  for (const { kind, path } of manifest.entries) if (kind === 'protected') files.set(foldPath(path), path);
  for (const { path } of operations) {
    const hit = files.get(foldPath(path.replace(/\/$/, '')));
    if (hit !== undefined)
      throw new OrderRefused('PROTECTED_PATH', `${JSON.stringify(path)} is the protected file ${JSON.stringify(hit)}`);
  }
}

/** That so much is removed only if the approval says so; what a rollback removes was put there by a sync. */
export function assertRemovalsApproved(
  { acknowledgedRemovals, maxRemovalPercent }: ApplyOrder,
  { header, operations }: PlanPart,
  { summary }: Manifest,
): void {
  const removed = operations.filter(({ change }) => change === 'remove').length;
  if (header.mode === 'rollback' || removed === acknowledgedRemovals) return;
  if (!needAcknowledgement({ removed, held: summary.artifacts, maxPercent: maxRemovalPercent })) return;
  throw new OrderRefused(
    'GUARD',
    `the plan removes ${removed} of ${summary.artifacts} files here, and its approval does not acknowledge that: approve it with --acknowledge-removals`,
  );
}

/** That the tree is what the plan was made for; `approved` is that state's manifest, to name what differs. */
export function assertFresh(part: PlanPart, found: Manifest, approved: readonly ManifestEntry[] | undefined): void {
  if (found.summary.state === part.header.stateBefore) return;
  const changed = approved === undefined ? [] : changedPaths(approved, found.entries);
  const named = changed.slice(0, NAMED).map((path) => JSON.stringify(path));
  const more = changed.length > NAMED ? ` and ${changed.length - NAMED} more` : '';
  const which = named.length === 0 ? '' : `: ${named.join(', ')}${more}`;
  throw new OrderRefused('STALE_PLAN', `files here have changed since the plan was made${which}; start a new sync`);
}

function changedPaths(before: readonly ManifestEntry[], now: readonly ManifestEntry[]): string[] {
  const lines = (entries: readonly ManifestEntry[]) =>
    new Map(
      entries.flatMap((entry) =>
        entry.kind === 'artifact' ? [[entry.path as string, stateLine(entry)] as const] : [],
      ),
    );
  const [old, fresh] = [lines(before), lines(now)];
  return [...new Set([...old.keys(), ...fresh.keys()])].filter((path) => old.get(path) !== fresh.get(path)).sort();
}

/** What the swap will meet, as lstat shows it. */
export interface Site {
  readonly folders: readonly FormerFolder[];
  readonly newFolders: readonly string[];
  /** By the number of the operation. */
  readonly formerFiles: ReadonlyMap<number, FormerFile>;
}

export interface FormerFile extends FileStamp {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * That every operation can be done: parents are real folders that may be written, what is to be made is not there, what
 * is to be replaced is a file.
 */
export function surveySite(root: string, operations: readonly Operation[]): Site {
  return new Survey(root, operations).run();
}

class Survey {
  readonly #root: string;
  readonly #operations: readonly Operation[];
  readonly #removed: ReadonlySet<string>;
  /** Folded: what makes room for another spelling of its name, folders too. */
  readonly #makesRoom: ReadonlySet<string>;
  readonly #names: RealNames;
  readonly #folders = new Map<string, FormerFolder>();
  readonly #newFolders = new Set<string>();
  readonly #formerFiles = new Map<number, FormerFile>();

  constructor(root: string, operations: readonly Operation[]) {
    this.#root = root;
    this.#operations = operations;
    this.#removed = new Set(operations.flatMap((operation) => (removes(operation) ? [operation.path as string] : [])));
    this.#makesRoom = new Set([...this.#removed].flatMap((path) => [path, ...foldersAbove(path)].map(foldPath)));
    this.#names = new RealNames(root);
  }

  run(): Site {
    this.#assertFolder('', lstatSync(this.#root));
    for (const [number, operation] of this.#operations.entries()) {
      // A folder that is gone already is not to be made again.
      if (operation.change === 'remove-folder' && !isThere(`${this.#root}/${operation.path.slice(0, -1)}`)) continue;
      for (const folder of foldersAbove(operation.path)) this.#visitFolder(folder);
      if (replaces(operation)) this.#formerFiles.set(number, this.#formerFile(operation.path));
      else if (operation.change === 'create') this.#assertFree(operation.path);
    }
    return {
      folders: [...this.#folders.values()],
      newFolders: [...this.#newFolders].sort((a, b) => a.length - b.length),
      formerFiles: this.#formerFiles,
    };
  }

  #visitFolder(path: string): void {
    const key = `${path}/`;
    if (this.#folders.has(key) || this.#newFolders.has(key)) return;
    const stats = findEntry(`${this.#root}/${path}`);
    // A file that this plan removes makes room for a folder.
    if (stats === undefined || (stats.isFile() && this.#removed.has(path)) || this.#isRespelled(path)) {
      this.#newFolders.add(key);
    } else {
      this.#assertRealName(path);
      this.#assertFolder(key, stats);
    }
  }

  #assertFolder(key: string, stats: Stats): void {
    const shown = JSON.stringify(key === '' ? this.#root : key);
    if (stats.isSymbolicLink() || this.#names.isLink(key.slice(0, -1))) {
      throw new OrderRefused(
        'PROTECTED_PATH',
        `${shown} is a link here; nothing is written through links: replace it by a folder, or leave it out`,
      );
    }
    if (!stats.isDirectory())
      throw new OrderRefused('GUARD', `${shown} is not a folder here: move it away, then plan again`);
    try {
      accessSync(`${this.#root}/${key}`, constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw new OrderRefused('NO_PERMISSION', `the agent may not write in ${shown}: give its user the permission`, {
        cause,
      });
    }
    const { gid, mode, mtimeMs, uid } = stats;
    this.#folders.set(key, { path: key, mode: mode & 0o7777, uid, gid, mtime: mtimeMs });
  }

  #formerFile(path: string): FormerFile {
    const former = statFile(this.#root, path);
    if (former === undefined)
      throw new OrderRefused('STALE_PLAN', `${JSON.stringify(path)} is no longer a file here; start a new sync`);
    for (const name of [...foldersAbove(path), path]) this.#assertRealName(name);
    return former;
  }

  /** Whether what is there by another spelling of this name is removed first. */
  #isRespelled(path: string): boolean {
    if (!this.#makesRoom.has(foldPath(path))) return false;
    const real = this.#names.realPath(path);
    return real !== undefined && real !== path && foldPath(real) === foldPath(path);
  }

  #assertRealName(path: string): void {
    const real = this.#names.realPath(path);
    if (real === path) return;
    const shown = real === undefined ? 'what no listing shows' : JSON.stringify(real);
    throw new OrderRefused(
      'PROTECTED_PATH',
      `${JSON.stringify(path)} leads to ${shown} here; nothing is written but by its own name`,
    );
  }

  #assertFree(path: string): void {
    const stats = findEntry(`${this.#root}/${path}`);
    if (stats === undefined) return;
    const isEmptied = stats.isDirectory() && [...this.#removed].some((removed) => removed.startsWith(`${path}/`));
    if (isEmptied || this.#isRespelled(path)) return;
    this.#assertRealName(path);
    const what = stats.isSymbolicLink() ? 'a link' : stats.isDirectory() ? 'a folder' : 'something else';
    throw new OrderRefused(
      'GUARD',
      `${JSON.stringify(path)} is ${what} here that Lockstep does not replace: move it away, then plan again`,
    );
  }
}

/** That nothing in the way of the swap has changed since the survey: staging can take long. */
export function assertUntouched(root: string, operations: readonly Operation[], site: Site): void {
  const { formerFiles } = surveySite(root, operations);
  for (const [number, former] of site.formerFiles) {
    const now = formerFiles.get(number);
    if (now !== undefined && sameStamp(now, former)) continue;
    const path = JSON.stringify(operations[number]?.path);
    throw new OrderRefused('STALE_PLAN', `${path} has changed here while the new files were fetched; start a new sync`);
  }
}

/** That what is still to be staged fits, with a little to spare; what an earlier attempt has written of it is there. */
export async function assertSpace(
  root: string,
  toWrite: readonly { readonly path: string; readonly size: number }[],
): Promise<void> {
  const { bavail, bsize } = await statfs(root);
  const there = findThere(toWrite.map(({ path }) => path));
  let needed = SPARE_BYTES;
  for (const { path, size } of toWrite)
    needed += Math.max(0, Math.ceil(size / bsize) * bsize - (size > 0 && there.has(path) ? allocatedBytes(path) : 0));
  const free = bavail * bsize;
  if (needed <= free) return;
  const kept = preImageBytes(root);
  const hint = kept === 0 ? '' : `; pre-images of earlier applies take ${kept}, see keepPreImages in agent.json`;
  throw noSpace(root, `${needed} bytes are needed, ${free} are free${hint}`);
}

export function noSpace(root: string, problem: string, cause?: unknown): OrderRefused {
  return new OrderRefused(
    'NO_SPACE',
    `the disk of ${root} is too full: ${problem}; free some space, then start a new sync`,
    { cause },
  );
}

function statFile(root: string, path: string): FormerFile | undefined {
  try {
    const stats = lstatSync(`${root}/${path}`, { bigint: true, throwIfNoEntry: false });
    if (stats?.isFile() !== true) return undefined;
    const { ctimeNs, gid, ino, mode, mtimeNs, size, uid } = stats;
    return { ctimeNs, ino, mtimeNs, size, mode: Number(mode & 0o7777n), uid: Number(uid), gid: Number(gid) };
  } catch (error) {
    if (hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

const NAMED = 5;
const SPARE_BYTES = 1024 * 1024;
