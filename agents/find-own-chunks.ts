import type { Recipe } from '#core/chunk-index.ts';
import { LONGEST_CHUNK, WHOLE_BYTES } from '#core/chunk-sizes.ts';
import { ChunkTable } from '#core/chunk-table.ts';
import type { Sha256 } from '#core/digest.ts';
import { isArtifact } from '#core/manifest.ts';
import { replaces } from './activate.ts';
import type { FilePiece } from './file-piece.ts';
import { eachInParallel } from './in-parallel.ts';
import type { Staging } from './stage.ts';

/**
 * Of the chunks of these recipes, and of what they are made from, those that this server has in its own files: every
 * small file is one, and the large ones that this plan replaces or removes are cut, as the source has cut what it
 * stored. Whoever uses a piece verifies it.
 */
export async function findOwnChunks(
  { context, manifest, operations, signal }: Staging,
  recipes: readonly Recipe[],
): Promise<Map<Sha256, FilePiece>> {
  const own = new Map<Sha256, FilePiece>();
  const wanted = new ChunkTable();
  for (const { chunks } of recipes) for (const chunk of chunks) wanted.place(chunk);
  for (const entry of manifest.entries) {
    if (!isArtifact(entry) || entry.size === 0 || entry.size > LONGEST_CHUNK) continue;
    const { path, sha256, size } = entry;
    if (wanted.has(sha256)) own.set(sha256, { path: `${context.root}/${path}`, position: 0, size, sha256 });
  }
  if (recipes.every(({ size }) => size <= WHOLE_BYTES)) return own;
  const replaced = operations.filter(replaces).filter(({ former }) => former.size > WHOLE_BYTES);
  await eachInParallel(replaced, PARALLEL, async ({ former, path }) => {
    const pieces = new Pieces(`${context.root}/${path}`, { wanted, own });
    const conversation = await context.workers.open('cut', { root: context.root, files: [{ path, ...former }] });
    try {
      for (let step = await conversation.next(); step.done !== true; step = await conversation.next(pieces.answer)) {
        signal.throwIfAborted();
        if (step.value.kind === 'offer') pieces.take(step.value.chunks);
      }
    } finally {
      conversation.close();
    }
  });
  return own;
}

class Pieces {
  /** None of the chunks is to be encoded. */
  readonly answer: readonly never[] = [];
  readonly #path: string;
  readonly #wanted: ChunkTable;
  readonly #own: Map<Sha256, FilePiece>;
  #position = 0;

  constructor(path: string, { own, wanted }: { readonly wanted: ChunkTable; readonly own: Map<Sha256, FilePiece> }) {
    this.#path = path;
    this.#wanted = wanted;
    this.#own = own;
  }

  take(chunks: readonly { readonly sha256: Sha256; readonly size: number }[]): void {
    for (const { sha256, size } of chunks) {
      if (this.#wanted.has(sha256)) {
        this.#own.set(sha256, { path: this.#path, position: this.#position, sha256, size });
      }
      this.#position += size;
    }
  }
}

const PARALLEL = 4;
