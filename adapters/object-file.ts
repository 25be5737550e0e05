import { randomInt } from 'node:crypto';
import { type BigIntStats, statSync, utimesSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { hasCode } from './file-errors.ts';

/**
 * One version of an object. A file, once visible, is never written again: a new version is a new file. Its etag is
 * inode, size and modification time, so that it costs one stat.
 *
 * Alone that would not do: a freed inode is given to the next file, and the kernel's clock may tick only every 4 ms.
 * So the store sets the time itself, to a random microsecond of the current millisecond, and a version that replaces
 * another is always later than it (see makeLaterThan): no two versions in a row of replacements share an etag.
 * Across a delete the times are not compared; there equal etags would take the same inode, size and microsecond.
 */
export interface FileVersion {
  readonly etag: string;
  readonly size: number;
  readonly modified: Date;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
}

function versionOf(stats: BigIntStats): FileVersion {
  const etag = `"${stats.ino.toString(36)}-${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}"`;
  return {
    etag,
    size: Number(stats.size),
    modified: new Date(Number(stats.mtimeNs / 1_000_000n)),
    mtime: stats.mtimeNs,
  };
}

/** `undefined` where there is no file, or something that is not one. */
export async function statObject(path: string): Promise<FileVersion | undefined> {
  const stats = await unlessAbsent(() => stat(path, { bigint: true }));
  return stats?.isFile() ? versionOf(stats) : undefined;
}

export function statObjectSync(path: string): FileVersion | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isFile() ? versionOf(stats) : undefined;
}

/** Opens one version for `use`; what is read through the handle belongs to it, whatever happens to the name. */
export async function withObjectFile<T>(
  path: string,
  use: (file: FileHandle, version: FileVersion) => Promise<T>,
): Promise<T | undefined> {
  const file = await unlessAbsent(() => open(path, 'r'));
  if (file === undefined) return undefined;
  try {
    const stats = await file.stat({ bigint: true });
    return stats.isFile() ? await use(file, versionOf(stats)) : undefined;
  } finally {
    await file.close();
  }
}

/** The bytes from `offset` on; less than `length` only if the file ends before. */
export async function readBytes(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) return bytes.slice(0, filled);
    filled += bytesRead;
  }
  return bytes;
}

export async function stampNow(file: FileHandle): Promise<void> {
  const seconds = (Date.now() * 1000 + randomInt(1000)) / 1e6;
  await file.utimes(seconds, seconds);
}

/** Makes a staged file later than the version it is about to replace, whatever the clock did. Under the lock only. */
export function makeLaterThan(replaced: FileVersion | undefined, staged: string): FileVersion {
  for (let step = 0; step < 16; step += 1) {
    const version = versionOf(statSync(staged, { bigint: true }));
    if (replaced === undefined || version.mtime > replaced.mtime) return version;
    const seconds = (replaced.modified.getTime() + 2 ** step) / 1000;
    utimesSync(staged, seconds, seconds);
  }
  throw new Error('it does not keep modification times');
}

async function unlessAbsent<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
    throw error;
  }
}
