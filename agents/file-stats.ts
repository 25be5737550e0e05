import type { BigIntStats } from 'node:fs';

export type FileStats = Pick<BigIntStats, 'size' | 'mtimeNs' | 'ctimeNs' | 'ino' | 'dev' | 'mode'>;

/** Numbers in a stamp, which tells one state of a file from another without reading it. */
export const STAMP_FIELDS = 6;

/** Of a SHA-256 in a column of them. */
export const DIGEST_BYTES = 32;

/** Puts the stamp number `index` into its place. */
export function writeStamp(stamps: BigInt64Array, index: number, stats: FileStats): void {
  const at = index * STAMP_FIELDS;
  stamps[at] = stats.size;
  stamps[at + 1] = stats.mtimeNs;
  stamps[at + 2] = stats.ctimeNs;
  stamps[at + 3] = stats.ino;
  stamps[at + 4] = stats.dev;
  stamps[at + 5] = stats.mode;
}

export function isStamp(stamps: BigInt64Array, index: number, stats: FileStats): boolean {
  const at = index * STAMP_FIELDS;
  return (
    stamps[at] === stats.size &&
    stamps[at + 1] === stats.mtimeNs &&
    stamps[at + 2] === stats.ctimeNs &&
    // Some file systems use all 64 bits.
    stamps[at + 3] === BigInt.asIntN(64, stats.ino) &&
    stamps[at + 4] === BigInt.asIntN(64, stats.dev) &&
    stamps[at + 5] === stats.mode
  );
}

/** What a stamp says of its file. */
export function readStamp(stamps: BigInt64Array, index: number): StampedFile {
  const at = index * STAMP_FIELDS;
  return {
    size: sizeAt(stamps, index),
    mtime: Math.floor(Number((stamps[at + 1] ?? 0n) / 1000n) / 1000),
    mode: Number(stamps[at + 5] ?? 0n) & PERMISSIONS,
  };
}

export interface StampedFile {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  /** Permission bits. */
  readonly mode: number;
}

function sizeAt(stamps: BigInt64Array, index: number): number {
  return Number(stamps[index * STAMP_FIELDS] ?? 0n);
}

/** Whether the file last changed, in content or otherwise, before that time. */
export function isOlder(stamps: BigInt64Array, index: number, nanoseconds: bigint): boolean {
  const at = index * STAMP_FIELDS;
  return (stamps[at + 1] ?? 0n) < nanoseconds && (stamps[at + 2] ?? 0n) < nanoseconds;
}

/** What is kept of many files: a stat as it comes holds three times as many numbers. */
export function plainStats({ size, mtimeNs, ctimeNs, ino, dev, mode }: FileStats): FileStats {
  return { size, mtimeNs, ctimeNs, ino, dev, mode };
}

const PERMISSIONS = 0o7777;
