import { basesOf, type Chunk, type Recipe } from '#core/chunk-index.ts';
import { decodeChunk } from '#core/decode-chunk.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SnapshotIndexes } from './snapshot-indexes.ts';

/**
 * One content of a snapshot, verified. `undefined` where its indexes do not list it, the packs are gone, or it takes
 * more than `most` bytes of packs; InvalidDocument where the store holds something else than it says.
 */
export async function readContent(
  { indexes, store }: { readonly store: ObjectStore; readonly indexes: SnapshotIndexes },
  content: Sha256,
  most: number,
): Promise<Uint8Array | undefined> {
  const recipe = (await indexes.recipesOf(new Set([content]))).get(content);
  if (recipe === undefined || bytesToFetch(recipe) > most) return undefined;
  const pieces: Uint8Array[] = [];
  for (const chunk of recipe.chunks) {
    const piece = await readChunk(store, chunk);
    if (piece === undefined) return undefined;
    pieces.push(piece);
  }
  const bytes = Buffer.concat(pieces);
  if (sha256(bytes) !== content) throw new InvalidDocument(`content ${content}`, 'its chunks make up another');
  return bytes;
}

/** With all bases, each as often as it is needed. */
function bytesToFetch({ chunks }: Recipe): number {
  const bytesOf = (chunk: Chunk): number => basesOf(chunk).reduce((sum, base) => sum + bytesOf(base), chunk.length);
  return [...chunks].reduce((sum, chunk) => sum + bytesOf(chunk), 0);
}

async function readChunk(store: ObjectStore, chunk: Chunk): Promise<Uint8Array | undefined> {
  const bases: Uint8Array[] = [];
  for (const base of basesOf(chunk)) {
    const content = await readChunk(store, base);
    if (content === undefined) return undefined;
    bases.push(content);
  }
  const encoded = await store.getRange(keys.pack(chunk.pack), chunk);
  if (encoded === undefined) return undefined;
  const content = decodeChunk(encoded, chunk, bases.length === 0 ? undefined : Buffer.concat(bases));
  if (typeof content === 'string') throw new InvalidDocument(`pack ${chunk.pack}`, `chunk ${chunk.sha256} ${content}`);
  return content;
}
