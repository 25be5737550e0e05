import { createHash, hash } from 'node:crypto';
import { closeSync, fstatSync, readSync } from 'node:fs';
import type { Sha256 } from '#core/digest.ts';
import { type FileStats, isStamp, plainStats, STAMP_FIELDS } from './file-stats.ts';
import { openQuietly, readFully, readUnchanged } from './read-file.ts';

export interface HashInput {
  /** Absolute. */
  readonly root: string;
  /** Below the root. */
  readonly paths: readonly string[];
  /** How each file looked when it was found, STAMP_FIELDS a file; saves some calls. */
  readonly stamps?: BigInt64Array;
}

export type HashedFile =
  /** Of the file as it was found. */
  | Sha256
  /** Of the file as it is now. */
  | { readonly kind: 'hashed'; readonly sha256: Sha256; readonly stats: FileStats }
  | { readonly kind: 'changed' | 'gone' }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** Runs in a thread. One answer per path; yields the bytes read now and then, for a progress bar. */
export function* hashFiles({ paths, root, stamps }: HashInput): Generator<number, HashedFile[], unknown> {
  const results: HashedFile[] = [];
  for (const [index, path] of paths.entries()) {
    const file = `${root}/${path}`;
    const atOnce = stamps === undefined ? undefined : hashAtOnce(file, stamps, index);
    results.push(atOnce ?? (yield* hashPatiently(file)));
  }
  return results;
}

/**
 * A small file that is after the reading what it was when it was found: the fewest calls, for there may be a million
 * of them. A name that was given to another file meanwhile shows, too, for this file's own ctime has then moved.
 */
function hashAtOnce(path: string, stamps: BigInt64Array, index: number): Sha256 | undefined {
  const size = Number(stamps[index * STAMP_FIELDS]);
  if (size > BUFFER.length) return undefined;
  let descriptor: number;
  try {
    descriptor = openQuietly(path);
  } catch {
    // Whatever it is, it is looked at again, and reported, below.
    return undefined;
  }
  try {
    if (readSync(descriptor, BUFFER, 0, size, null) !== size) return undefined;
    const sha256 = hash('sha256', BUFFER.subarray(0, size), 'hex') as Sha256;
    return isStamp(stamps, index, fstatSync(descriptor, { bigint: true })) ? sha256 : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

function* hashPatiently(path: string): Generator<number, HashedFile, unknown> {
  let result: Exclude<HashedFile, string> = { kind: 'changed' };
  for (let attempt = 0; attempt < ATTEMPTS && result.kind === 'changed'; attempt++) result = yield* hashFile(path);
  return result;
}

function* hashFile(path: string): Generator<number, Exclude<HashedFile, string>, unknown> {
  let digest: Sha256 | undefined;
  try {
    const outcome = yield* readUnchanged(path, function* (descriptor, size) {
      digest = yield* digestOf(descriptor, size);
    });
    if (outcome.kind !== 'read' || digest === undefined) return { kind: outcome.kind === 'gone' ? 'gone' : 'changed' };
    return { kind: 'hashed', sha256: digest, stats: plainStats(outcome.stats) };
  } catch (error) {
    return { kind: 'unreadable', problem: (error as Error).message };
  }
}

function* digestOf(descriptor: number, size: number): Generator<number, Sha256, unknown> {
  const hasher = createHash('sha256');
  let sinceYield = 0;
  for (let left = size; left > 0; ) {
    const count = readFully(descriptor, BUFFER.subarray(0, Math.min(left, BUFFER.length)));
    if (count === 0) break;
    hasher.update(BUFFER.subarray(0, count));
    left -= count;
    sinceYield += count;
    if (sinceYield >= YIELD_BYTES) {
      yield sinceYield;
      sinceYield = 0;
    }
  }
  return hasher.digest('hex') as Sha256;
}

/** One per thread; never holds anything across a yield. */
const BUFFER = Buffer.allocUnsafeSlow(1024 * 1024);
const YIELD_BYTES = 64 * 1024 * 1024;
const ATTEMPTS = 3;
