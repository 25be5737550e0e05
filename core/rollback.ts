import type { Differences } from './differences.ts';
import type { Sha256 } from './digest.ts';
import { filesAfter, StateSum } from './drift.ts';
import { InvalidDocument } from './errors.ts';
import { type Artifact, isArtifact, type ManifestEntry } from './manifest.ts';
import { bringsContent, type ClassChanges, type Operation } from './plan.ts';

/** What a sync has done at one destination, and what was there before. */
export interface PastApply {
  readonly operations: readonly Operation[];
  /** Of the manifest that this was planned for, sorted by path. */
  readonly before: Iterable<ManifestEntry>;
}

export type Rollback =
  /** Each is what it was before the sync: there is nothing to put back. */
  | { readonly outcome: 'undone' }
  /** These are no longer as the sync left them, or something stands in their way. */
  | { readonly outcome: 'stale'; readonly paths: readonly string[] }
  | ({ readonly outcome: 'changes' } & Pick<
      Differences,
      'operations' | 'counts' | 'bytes' | 'classes' | 'stateAfter'
    > & { /** What is brought, and is in no file of the destination. */ readonly needed: ReadonlySet<Sha256> });

/**
 * The operations that lead back. Only what the sync wrote or removed must be as it left it; all else may have changed
 * since, and stays. Reads `now`, which is sorted by path, more than once. InvalidDocument when the operations do not
 * fit what is said to have been there before.
 */
export function findRollback(past: PastApply, now: Iterable<ManifestEntry>): Rollback {
  const former = readFormer(past);
  const found = lookAt(past, former, now);
  const stale = new Set([...found.inTheWay, ...past.operations.filter(isOther(found.entries)).map(({ path }) => path)]);
  if (stale.size > 0) {
    const isUndone = past.operations.every(isAsBefore(found.entries, former.files));
    return isUndone ? { outcome: 'undone' } : { outcome: 'stale', paths: [...stale].sort() };
  }
  const operations = [...invertFiles(past, former.files), ...invertFolders(past, former, found)].sort(byPath);
  if (operations.length === 0) return { outcome: 'undone' };
  const state = new StateSum();
  for (const _ of state.over(filesAfter(now, operations)));
  return { outcome: 'changes', operations, ...sumUp(operations, now), stateAfter: state.states().state };
}

interface Former {
  /** Files that were replaced or removed. */
  readonly files: ReadonlyMap<string, Artifact>;
  /** Empty folders in which something was put. */
  readonly filledFolders: readonly string[];
}

function readFormer({ before, operations }: PastApply): Former {
  const replaced = new Map(operations.flatMap((one) => ('former' in one ? [[one.path as string, one.former]] : [])));
  const filled = new Set(
    operations.flatMap(({ change, path }) =>
      change === 'create' || change === 'create-folder' ? [...foldersAbove(path)] : [],
    ),
  );
  const files = new Map<string, Artifact>();
  const filledFolders: string[] = [];
  for (const entry of before) {
    if (entry.kind === 'folder' && filled.has(entry.path)) filledFolders.push(entry.path);
    if (isArtifact(entry) && replaced.get(entry.path)?.sha256 === entry.sha256) files.set(entry.path, entry);
  }
  const missing = [...replaced.keys()].find((path) => !files.has(path));
  if (missing === undefined) return { files, filledFolders };
  throw new InvalidDocument('the manifest before the sync', `it does not hold ${JSON.stringify(missing)} as it was`);
}

interface Found {
  /** At the paths of the operations. */
  readonly entries: ReadonlyMap<string, ManifestEntry>;
  /** Files where a folder is needed, and the reverse. */
  readonly inTheWay: readonly string[];
  /** Folders, with a slash, in which something is that stays. */
  readonly filled: ReadonlySet<string>;
}

function lookAt({ operations }: PastApply, former: Former, now: Iterable<ManifestEntry>): Found {
  const paths = new Set<string>(operations.map(({ path }) => path));
  const goes = new Set<string>(
    operations.flatMap(({ change, path }) => (change === 'create' || change === 'create-folder' ? [path] : [])),
  );
  const files = new Set<string>(operations.flatMap(({ change, path }) => (change === 'remove' ? [path] : [])));
  const folders = new Set([
    ...former.filledFolders,
    ...operations.flatMap(({ change, path }) => (change === 'remove-folder' ? [path] : [])),
  ]);
  const needed = new Set([...files, ...folders].flatMap((path) => [...foldersAbove(path)]));
  for (const folder of folders) needed.add(folder);
  const entries = new Map<string, ManifestEntry>();
  const inTheWay: string[] = [];
  const filled = new Set<string>();
  for (const entry of now) {
    const { path } = entry;
    if (paths.has(path)) entries.set(path, entry);
    if (goes.has(path)) continue;
    const above = [...foldersAbove(path)];
    const isFolder = path.endsWith('/');
    if (above.some((folder) => files.has(folder.slice(0, -1)))) inTheWay.push(path);
    else if (isFolder ? files.has(path.slice(0, -1)) : needed.has(`${path}/`)) inTheWay.push(path);
    for (const folder of above) if (needed.has(folder)) filled.add(folder);
  }
  return { entries, inTheWay, filled };
}

/** Whether the operation's file is no longer as it was left. Folders that changed are left as they are. */
function isOther(entries: ReadonlyMap<string, ManifestEntry>): (operation: Operation) => boolean {
  return (operation) => {
    const found = entries.get(operation.path);
    switch (operation.change) {
      case 'create':
      case 'update':
        return !isContent(found, operation);
      case 'remove':
        return found !== undefined;
      case 'create-folder':
      case 'remove-folder':
        return false;
    }
  };
}

function isAsBefore(
  entries: ReadonlyMap<string, ManifestEntry>,
  former: ReadonlyMap<string, Artifact>,
): (operation: Operation) => boolean {
  return (operation) => {
    const found = entries.get(operation.path);
    const before = former.get(operation.path);
    if (operation.change === 'create-folder' || operation.change === 'remove-folder') return true;
    return before === undefined ? found === undefined : isContent(found, before);
  };
}

function isContent(found: ManifestEntry | undefined, { sha256, size }: Pick<Artifact, 'sha256' | 'size'>): boolean {
  return found?.kind === 'artifact' && found.sha256 === sha256 && found.size === size;
}

function invertFiles({ operations }: PastApply, former: ReadonlyMap<string, Artifact>): Operation[] {
  return operations.flatMap((operation) => invertFile(operation, former.get(operation.path)) ?? []);
}

function invertFile(operation: Operation, before: Artifact | undefined): Operation | undefined {
  switch (operation.change) {
    case 'create': {
      const { class: fileClass, path, sha256, size } = operation;
      return { change: 'remove', class: fileClass, path, former: { sha256, size } };
    }
    case 'update': {
      const { sha256, size } = operation;
      return before && { change: 'update', ...contentOf(before), former: { sha256, size } };
    }
    case 'remove':
      return before && { change: 'create', ...contentOf(before) };
    case 'create-folder':
    case 'remove-folder':
      return undefined;
  }
}

function contentOf({ class: fileClass, mode, mtime, path, sha256, size }: Artifact) {
  return { class: fileClass, mode, mtime, path, sha256, size };
}

/** Empty folders have no state; they are put back as far as nothing has come into them. */
function* invertFolders(
  { operations }: PastApply,
  { filledFolders }: Former,
  { entries, filled }: Found,
): Generator<Operation> {
  const brought = operations.filter(({ change }) => change === 'remove' || change === 'update');
  const needed = new Set(brought.flatMap(({ path }) => [...foldersAbove(path)]));
  for (const { change, path } of operations) {
    if (change === 'create-folder' && entries.has(path) && !needed.has(path)) yield { change: 'remove-folder', path };
  }
  const removed = operations.flatMap(({ change, path }) => (change === 'remove-folder' ? [path] : []));
  for (const path of new Set<string>([...removed, ...filledFolders])) {
    if (!filled.has(path) && !entries.has(path) && !needed.has(path)) yield { change: 'create-folder', path };
  }
}

function sumUp(operations: readonly Operation[], now: Iterable<ManifestEntry>) {
  const classes = new Map<string, Record<keyof ClassChanges, number>>();
  const of = (name: string) => {
    const counts = classes.get(name) ?? { create: 0, update: 0, remove: 0, keep: 0, bytes: 0 };
    classes.set(name, counts);
    return counts;
  };
  for (const operation of operations) {
    if (operation.change === 'create-folder' || operation.change === 'remove-folder') continue;
    const counts = of(operation.class);
    counts[operation.change]++;
    if (bringsContent(operation)) counts.bytes += operation.size;
  }
  const touched = new Set<string>(operations.map(({ path }) => path));
  const needed = new Set(operations.filter(bringsContent).map(({ sha256 }) => sha256));
  for (const entry of now) {
    if (!isArtifact(entry)) continue;
    needed.delete(entry.sha256);
    if (!touched.has(entry.path)) of(entry.class).keep++;
  }
  const sorted = Object.fromEntries([...classes].sort(([a], [b]) => (a < b ? -1 : 1)));
  const sum = (field: keyof ClassChanges) => Object.values(sorted).reduce((total, one) => total + one[field], 0);
  const counts = { create: sum('create'), update: sum('update'), remove: sum('remove'), keep: sum('keep') };
  return { classes: sorted, counts, bytes: sum('bytes'), needed };
}

/** `a/b/c` -> `a/`, `a/b/`. */
function* foldersAbove(path: string): Generator<string> {
  for (let slash = path.indexOf('/'); slash !== -1 && slash < path.length - 1; slash = path.indexOf('/', slash + 1))
    yield path.slice(0, slash + 1);
}

function byPath(a: Operation, b: Operation): number {
  return a.path < b.path ? -1 : 1;
}
