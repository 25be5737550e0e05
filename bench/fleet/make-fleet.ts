import { createHash } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, openSync, utimesSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { planTree, type Release, type Scale } from './trees.ts';

export interface FleetTree {
  readonly files: number;
  readonly bytes: number;
  /** Covers every path, size and content: equal trees, equal digests. */
  readonly treeSha256: string;
}

/**
 * Writes a server's tree into a new folder. The same scale and release give the same bytes, permissions and times on
 * every machine: nothing but integer arithmetic on streams seeded by labels decides anything.
 */
export function makeFleet(folder: string, scale: Scale, release: Release): FleetTree {
  const digest = createHash('sha256');
  const folders = new Set<string>();
  let [files, bytes] = [0, 0];
  for (const { path, time, content: make } of planTree(scale, release)) {
    const target = join(folder, path);
    if (!folders.has(dirname(path))) mkdirSync(dirname(target), { recursive: true });
    folders.add(dirname(path));
    const { sha256, size } = writePieces(target, make());
    chmodSync(target, 0o644);
    utimesSync(target, time, time);
    digest.update(`${path}\0${size}\0${sha256}\n`);
    files += 1;
    bytes += size;
  }
  return { files, bytes, treeSha256: digest.digest('hex') };
}

function writePieces(target: string, content: Buffer | Iterable<Buffer>): { sha256: string; size: number } {
  const digest = createHash('sha256');
  let size = 0;
  const descriptor = openSync(target, 'wx');
  try {
    for (const piece of Buffer.isBuffer(content) ? [content] : content) {
      digest.update(piece);
      for (let done = 0; done < piece.length; ) done += writeSync(descriptor, piece, done);
      size += piece.length;
    }
  } finally {
    closeSync(descriptor);
  }
  return { sha256: digest.digest('hex'), size };
}
