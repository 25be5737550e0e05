import { createHash, hash } from 'node:crypto';
import type { Sha256 } from '#core/digest.ts';
import { readFully, readUnchanged } from './read-file.ts';

export interface HashInput {
  /** Absolute. */
  readonly root: string;
  /** Below the root. */
  readonly paths: readonly string[];
}

export type HashedFile =
  | {
      readonly kind: 'hashed';
      readonly sha256: Sha256;
      readonly size: number;
      readonly mtime: number;
      readonly mode: number | null;
    }
  | { readonly kind: 'changed' | 'gone' }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** Runs in a thread. One answer per path; yields the bytes read now and then, for a progress bar. */
export function* hashFiles({ root, paths }: HashInput): Generator<number, HashedFile[], unknown> {
  const results: HashedFile[] = [];
  for (const path of paths) results.push(yield* hashPatiently(`${root}/${path}`));
  return results;
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
    const { mode, mtimeNs, size } = outcome.stats;
    return {
      kind: 'hashed',
      sha256: digest,
      size: Number(size),
      mtime: Math.floor(Number(mtimeNs / 1000n) / 1000),
      mode: process.platform === 'win32' ? null : Number(mode & 0o7777n),
    };
  } catch (error) {
    return { kind: 'unreadable', problem: (error as Error).message };
  }
}

function* digestOf(descriptor: number, size: number): Generator<number, Sha256, unknown> {
  if (size <= BUFFER.length) {
    return hash('sha256', BUFFER.subarray(0, readFully(descriptor, BUFFER.subarray(0, size))), 'hex') as Sha256;
  }
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
