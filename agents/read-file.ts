import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';

/** What tells one state of a file from another without reading it. */
export interface FileStamp {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
}

export type ReadOutcome =
  | { readonly kind: 'read'; readonly stats: BigIntStats }
  | { readonly kind: 'changed' }
  | { readonly kind: 'gone' };

/**
 * Opens a regular file, never through a link, and hands its descriptor and size to `read`. The outcome is `changed`
 * when the file was not the same before and after, so that what `read` saw may be torn. Other errors are thrown.
 */
export function* readUnchanged<P>(
  path: string,
  read: (descriptor: number, size: number) => Generator<P, void, unknown>,
): Generator<P, ReadOutcome, unknown> {
  let descriptor: number;
  try {
    descriptor = openQuietly(path);
  } catch (error) {
    return { kind: goneCodes.has(codeOf(error)) ? 'gone' : rethrow(error) };
  }
  try {
    const before = fstatSync(descriptor, { bigint: true });
    if (!before.isFile()) return { kind: 'changed' };
    yield* read(descriptor, Number(before.size));
    const after = fstatSync(descriptor, { bigint: true });
    const named = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (named === undefined) return { kind: 'gone' };
    return sameStamp(before, after) && sameStamp(after, named) ? { kind: 'read', stats: after } : { kind: 'changed' };
  } finally {
    closeSync(descriptor);
  }
}

export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino;
}

/** Fills the buffer as far as the file goes; returns how far. */
export function readFully(descriptor: number, target: Uint8Array): number {
  let filled = 0;
  while (filled < target.length) {
    const count = readSync(descriptor, target, filled, target.length - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** Leaves the access time alone where the system lets us; never waits on a FIFO that took the file's place. */
export function openQuietly(path: string): number {
  try {
    return openSync(path, READ_FLAGS | (constants.O_NOATIME ?? 0));
  } catch (error) {
    if (codeOf(error) !== 'EPERM') throw error;
    return openSync(path, READ_FLAGS);
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

function rethrow(error: unknown): never {
  throw error;
}

// Not there on Windows.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const goneCodes = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);
