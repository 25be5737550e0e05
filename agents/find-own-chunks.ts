import type { Recipe } from '#core/chunk-index.ts';
import { LONGEST_CHUNK, WHOLE_BYTES } from '#core/chunk-sizes.ts';
import { ChunkTable } from '#core/chunk-table.ts';
import type { Sha256 } from '#core/digest.ts';
import { isArtifact } from '#core/manifest.ts';
import { replaces } from './activate.ts';
import type { FilePiece } from './file-piece.ts';
import type { Staging } from './stage.ts';

/**
 * Of the chunks of these recipes, and of what they are made from, those that this server has as whole files: every small
 * file is one. Whoever uses a piece verifies it.
 */
export function findOwnChunks({ context, manifest }: Staging, recipes: readonly Recipe[]): Map<Sha256, FilePiece> {
  const own = new Map<Sha256, FilePiece>();
  const wanted = new ChunkTable();
  for (const { chunks } of recipes) for (const chunk of chunks) wanted.place(chunk);
  for (const entry of manifest.entries) {
    if (!isArtifact(entry) || entry.size === 0 || entry.size > LONGEST_CHUNK) continue;
    const { path, sha256, size } = entry;
    if (wanted.has(sha256)) own.set(sha256, { path: `${context.root}/${path}`, position: 0, size, sha256 });
  }
  return own;
}

/** The large files that this plan replaces or removes: likely to hold chunks of what comes, if that is large. */
export function findSeeds({ context, operations }: Staging, recipes: readonly Recipe[]): string[] {
  if (recipes.every(({ size }) => size <= WHOLE_BYTES)) return [];
  return operations
    .filter(replaces)
    .filter(({ former }) => former.size > WHOLE_BYTES)
    .map(({ path }) => `${context.root}/${path}`);
}
