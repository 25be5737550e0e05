import { availableParallelism } from 'node:os';
import { HashThread } from '#adapters/hash-thread.ts';
import { findStoredDifferences } from '#core/differences.ts';
import type { StoredManifest } from '#core/manifest-lines.ts';
import type { SyncPolicy } from '#core/sync.ts';

/** Where there is a processor for it, large manifests are hashed beside the rest of the work, of which that is a third. */
export function compareStocks(
  source: StoredManifest,
  destination: StoredManifest,
  policy: Pick<SyncPolicy, 'mode' | 'only'>,
): ReturnType<typeof findStoredDifferences> {
  const bytes = [...source.layers, ...destination.layers].reduce((sum, { length }) => sum + length, 0);
  if (bytes < WORTH_A_THREAD || availableParallelism() === 1) return findStoredDifferences(source, destination, policy);
  using thread = new HashThread();
  return findStoredDifferences(source, destination, { ...policy, newHasher: () => thread.createHash() });
}

/** Compressed: two hundred thousand files on both sides. */
const WORTH_A_THREAD = 16 * 1024 * 1024;
