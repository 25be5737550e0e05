import { type EncodedIndex, encodeIndex, type Recipe } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';
import type { RememberedIndex } from './snapshot-memory.ts';

export interface Arrangement {
  /** Newest first. */
  readonly digests: readonly Sha256[];
  /** Those of them that the store may lack. */
  readonly fresh: readonly EncodedIndex[];
}

/**
 * The indexes of a new snapshot: one for what is new, before those of the former snapshot. When there are too many, all
 * but the oldest become one; and when that is half as large as the oldest, everything that still counts becomes one. So
 * a destination that lacks only what is new reads little, and one that lacks everything not much more than it must.
 */
export function arrangeIndexes(
  recipes: ReadonlyMap<Sha256, Recipe>,
  fresh: readonly Recipe[],
  former: readonly RememberedIndex[],
): Arrangement {
  const oldest = former.at(-1);
  if (oldest === undefined) return arrange([...recipes.values()], []);
  if (fresh.length === 0) return { digests: former.map(({ digest }) => digest), fresh: [] };
  if (former.length < MAX_LISTED) return arrange(fresh, former);
  const newer = new Set(
    [...fresh, ...former.slice(0, -1).flatMap((index) => [...index.recipes.values()])].map(({ sha256 }) => sha256),
  );
  const merged = [...recipes.values()].filter(({ sha256 }) => newer.has(sha256));
  if (chunkCount(merged) * 2 > oldest.chunks.size) return arrange([...recipes.values()], []);
  return arrange(merged, [oldest]);
}

function arrange(recipes: readonly Recipe[], older: readonly RememberedIndex[]): Arrangement {
  const index = encodeIndex({ recipes });
  return { digests: [index.digest, ...older.map(({ digest }) => digest)], fresh: [index] };
}

function chunkCount(recipes: readonly Recipe[]): number {
  return recipes.reduce((sum, { chunks }) => sum + chunks.length, 0);
}

const MAX_LISTED = 8;
