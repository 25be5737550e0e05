import { type CutSizes, GEAR, limitsOf, WINDOW } from './gear.ts';

/**
 * Length of the chunk that begins `bytes`, which reach to the end of the file or hold a longest chunk. The plain form
 * of what gear-module.ts does: the one to read, and the one that the other is held to by a test.
 */
export function cutLength(bytes: Uint8Array, sizes: CutSizes): number {
  const end = Math.min(bytes.length, sizes.longest);
  const { frequent, rare } = limitsOf(sizes);
  let hash = 0;
  for (let at = sizes.smallest - WINDOW; at < end; at++) {
    hash = ((hash << 1) + (GEAR[bytes[at] ?? 0] ?? 0)) >>> 0;
    if (at >= sizes.smallest && hash < (at < sizes.normal ? rare : frequent)) return at + 1;
  }
  return end;
}
