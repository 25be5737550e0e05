import type { BigIntStats } from 'node:fs';

export type FileStats = Pick<BigIntStats, 'size' | 'mtimeNs' | 'ctimeNs' | 'ino' | 'dev' | 'mode'>;

/** Numbers in a stamp, which tells one state of a file from another without reading it. */
export const STAMP_FIELDS = 5;

/** Puts the stamp number `index` into its place. */
export function writeStamp(stamps: BigInt64Array, index: number, stats: FileStats): void {
  const at = index * STAMP_FIELDS;
  stamps[at] = stats.size;
  stamps[at + 1] = stats.mtimeNs;
  stamps[at + 2] = stats.ctimeNs;
  stamps[at + 3] = stats.ino;
  stamps[at + 4] = stats.dev;
}

export function isStamp(stamps: BigInt64Array, index: number, stats: FileStats): boolean {
  const at = index * STAMP_FIELDS;
  return (
    stamps[at] === stats.size &&
    stamps[at + 1] === stats.mtimeNs &&
    stamps[at + 2] === stats.ctimeNs &&
    // Some file systems use all 64 bits.
    stamps[at + 3] === BigInt.asIntN(64, stats.ino) &&
    stamps[at + 4] === BigInt.asIntN(64, stats.dev)
  );
}

/** What is kept of many files: a stat as it comes holds three times as many numbers. */
export function plainStats({ size, mtimeNs, ctimeNs, ino, dev, mode }: FileStats): FileStats {
  return { size, mtimeNs, ctimeNs, ino, dev, mode };
}
