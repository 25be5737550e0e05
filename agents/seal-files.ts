import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  openSync,
} from 'node:fs';
import type { Sha256 } from '#core/digest.ts';
import { isReadOnly } from './find-entry.ts';
import { readFully } from './read-file.ts';

/** What a staged file is to be, beside its content. */
export interface Dress {
  readonly mode: number;
  readonly mtime: number;
  /** Kept where the agent may. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Put to disk together with others, by whoever asks for that. */
  readonly isSyncedLater?: boolean;
}

export interface FileToSeal extends Dress {
  /** Absolute, in the staging folder. */
  readonly path: string;
  /** Absolute: copy this file first. */
  readonly copyOf?: string;
  readonly sha256: Sha256;
  readonly size: number;
}

/**
 * Runs in a thread. Verifies staged files from the disk, dresses them with mode, time and owner, and makes them
 * durable where that is asked. One answer per file: whether it is what it should be. A missing file is not.
 */
// biome-ignore lint/correctness/useYield: every task is a generator; this one has nothing to say in between.
export function* sealFiles({ files }: { readonly files: readonly FileToSeal[] }): Generator<never, boolean[], unknown> {
  return files.map(sealFile);
}

function sealFile(file: FileToSeal): boolean {
  const descriptor = openStaged(file);
  if (descriptor === undefined) return false;
  try {
    if (!isContent(descriptor, file)) return false;
    dress(descriptor, file);
    return true;
  } finally {
    closeSync(descriptor);
  }
}

function openStaged(file: FileToSeal): number | undefined {
  try {
    if (file.copyOf !== undefined) copyFileSync(file.copyOf, file.path, constants.COPYFILE_FICLONE);
    if (file.size === 0) return openSync(file.path, OPEN_FLAGS | constants.O_CREAT, 0o600);
    return openSync(file.path, OPEN_FLAGS);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
  // Sealed as read-only before a restart, or copied from a read-only file.
  chmodSync(file.path, 0o600);
  return openSync(file.path, OPEN_FLAGS);
}

function isContent(descriptor: number, { sha256, size }: FileToSeal): boolean {
  const stats = fstatSync(descriptor);
  if (!stats.isFile() || stats.size !== size) return false;
  const hasher = createHash('sha256');
  for (let left = size; left > 0; ) {
    const count = readFully(descriptor, BUFFER.subarray(0, Math.min(left, BUFFER.length)));
    if (count === 0) return false;
    hasher.update(BUFFER.subarray(0, count));
    left -= count;
  }
  return hasher.digest('hex') === sha256;
}

export function dress(descriptor: number, { isSyncedLater, mode, mtime, owner }: Dress): void {
  if (process.platform !== 'win32') {
    if (owner !== undefined) keepOwner(descriptor, owner);
    // After the owner, for a change of owner takes set-user-id away.
    fchmodSync(descriptor, mode);
  } else if (isReadOnly({ mode })) {
    fchmodSync(descriptor, mode);
  }
  const seconds = toSeconds(mtime);
  futimesSync(descriptor, seconds, seconds);
  if (isSyncedLater !== true) fsyncSync(descriptor);
}

function keepOwner(descriptor: number, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  const now = fstatSync(descriptor);
  if (now.uid === uid && now.gid === gid) return;
  try {
    fchownSync(descriptor, uid, gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

/** A double just below a millisecond would be cut to the one before: half a microsecond keeps it where it belongs. */
function toSeconds(milliseconds: number): number {
  return milliseconds % 1000 === 0 ? milliseconds / 1000 : (milliseconds + 0.0005) / 1000;
}

const BUFFER = Buffer.allocUnsafeSlow(1024 * 1024);
const OPEN_FLAGS = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);
