import { createHash, hash } from 'node:crypto';
import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
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
    const content = make();
    const target = join(folder, path);
    if (!folders.has(dirname(path))) mkdirSync(dirname(target), { recursive: true });
    folders.add(dirname(path));
    writeFileSync(target, content, { flag: 'wx' });
    chmodSync(target, 0o644);
    utimesSync(target, time, time);
    digest.update(`${path}\0${content.length}\0${hash('sha256', content)}\n`);
    files += 1;
    bytes += content.length;
  }
  return { files, bytes, treeSha256: digest.digest('hex') };
}
