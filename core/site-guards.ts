import type { ManifestEntry } from './manifest.ts';
import type { Operation } from './plan.ts';
import { isOlderVersion } from './product-version.ts';
import type { SyncMode } from './sync.ts';

/** What a part of a plan would do to the server that holds `entries`. */
export interface SiteChange {
  readonly mode: SyncMode;
  readonly operations: readonly Operation[];
  readonly entries: readonly ManifestEntry[];
  readonly versions: ProductVersions;
  readonly allows: Allowances;
}

/** Of the product that the profile names, as far as they are known. */
export interface ProductVersions {
  readonly source: string | undefined;
  readonly destination: string | undefined;
}

export interface Allowances {
  readonly allowDowngrade?: boolean | undefined;
  readonly allowShrink?: boolean | undefined;
  readonly allowVanished?: readonly string[] | undefined;
}

/**
 * Why an agent does not do what it was told, though it is signed: the plan's own guards once more, by what is here. A
 * rollback leads to what was here before, and is held up by none of them.
 */
export function findSiteRefusal(change: SiteChange): string | undefined {
  if (change.mode === 'rollback') return undefined;
  const { allows, entries, operations } = change;
  const held = entries.filter(({ kind }) => kind === 'artifact').length;
  const counts = { held, create: count(operations, 'create'), remove: count(operations, 'remove') };
  return describeDowngrade(change.versions, allows) ?? describeVanished(change) ?? describeShrink(counts, allows);
}

export function describeDowngrade(
  { destination, source }: ProductVersions,
  { allowDowngrade }: Allowances,
): string | undefined {
  if (allowDowngrade === true || destination === undefined) return undefined;
  const wayOut = 'if that is right, allow it with --allow-downgrade';
  if (source === undefined)
    return `the profile's version file says ${destination} here, and no version at the source; ${wayOut}`;
  return isOlderVersion(source, destination)
    ? `the source has version ${source}, older than the ${destination} of the destination; ${wayOut}`
    : undefined;
}

/** Of the files at a destination. */
export interface FileCounts {
  readonly held: number;
  readonly create: number;
  readonly remove: number;
}

/** Overwriting leaves no fewer files than there are. */
export function describeShrink({ create, held, remove }: FileCounts, { allowShrink }: Allowances): string | undefined {
  const left = held + create - remove;
  if (allowShrink === true || left * 2 >= held) return undefined;
  return `it would leave ${left} of ${held} files, less than half; if that is right, allow it with --allow-shrink`;
}

function describeVanished({ allows, entries, operations }: SiteChange): string | undefined {
  const left = new Map<string, number>();
  const add = (name: string, number: number) => left.set(name, (left.get(name) ?? 0) + number);
  const isHere = new Set<string>();
  for (const entry of entries) {
    if (entry.kind !== 'artifact') continue;
    isHere.add(entry.class);
    add(entry.class, 1);
  }
  for (const operation of operations) {
    if (operation.change === 'create') add(operation.class, 1);
    if (operation.change === 'remove') add(operation.class, -1);
  }
  const vanished = [...isHere].find((name) => left.get(name) === 0 && allows.allowVanished?.includes(name) !== true);
  return vanished === undefined
    ? undefined
    : `it would remove every file of class ${vanished}; if that is right, allow it with --allow-vanished ${vanished}`;
}

function count(operations: readonly Operation[], change: Operation['change']): number {
  return operations.filter((operation) => operation.change === change).length;
}
