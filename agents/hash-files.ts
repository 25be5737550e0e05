import { createHash, hash } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, readSync } from 'node:fs';
import type { Sha256 } from '#core/digest.ts';
import { type FileStats, plainStats } from './file-stats.ts';
import { openQuietly, readFully, readUnchanged, sameStamp } from './read-file.ts';

export interface HashInput {
  /** Absolute. */
  readonly root: string;
  /** Below the root. */
  readonly paths: readonly string[];
}

export type HashedFile =
  | { readonly kind: 'hashed'; readonly sha256: Sha256; readonly stats: FileStats }
  | { readonly kind: 'changed' | 'gone' }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** Runs in a thread. One answer per path; yields the bytes read now and then, for a progress bar. */
export function* hashFiles({ paths, root }: HashInput): Generator<number, HashedFile[], unknown> {
  const results: HashedFile[] = [];
  for (const path of paths) {
    const file = `${root}/${path}`;
    const quick = hashQuickly(file);
    if (quick?.sha256 === undefined) results.push(yield* hashPatiently(file));
    else results.push({ kind: 'hashed', sha256: quick.sha256, stats: plainStats(quick.stats) });
  }
  return results;
}

/**
 * A small file with the fewest calls, for there may be a million of them; a large one is only looked at. `undefined`
 * for what does not hold still or cannot be read. A name that is given to another file meanwhile shows, too, for this
 * file's own ctime then moves.
 */
export function hashQuickly(path: string): { readonly stats: BigIntStats; readonly sha256?: Sha256 } | undefined {
  let descriptor: number;
  try {
    descriptor = openQuietly(path);
  } catch {
    return undefined;
  }
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    if (!stats.isFile()) return undefined;
    if (stats.size > BUFFER.length) return { stats };
    const size = Number(stats.size);
    if (readSync(descriptor, BUFFER, 0, size, null) !== size) return undefined;
    const sha256 = hash('sha256', BUFFER.subarray(0, size), 'hex') as Sha256;
    return sameStamp(stats, fstatSync(descriptor, { bigint: true })) ? { stats, sha256 } : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

function* hashPatiently(path: string): Generator<number, HashedFile, unknown> {
  let result: HashedFile = { kind: 'changed' };
  for (let attempt = 0; attempt < ATTEMPTS && result.kind === 'changed'; attempt++) result = yield* hashFile(path);
  return result;
}

function* hashFile(path: string): Generator<number, HashedFile, unknown> {
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
