import type { Chunk } from '#core/chunk-index.ts';
import { decodeChunk } from '#core/decode-chunk.ts';
import type { Sha256 } from '#core/digest.ts';
import { freeBytes, joinBytes } from '#core/free-bytes.ts';
import { type FilePiece, readContent } from './file-piece.ts';
import { StagedWriter } from './staged-writer.ts';
import type { Placement } from './wanted-chunks.ts';

export interface UnpackInput {
  /** A piece of a pack. */
  readonly bytes: Uint8Array;
  readonly chunks: readonly PlacedChunk[];
}

export interface PlacedChunk extends Pick<Chunk, 'length' | 'size' | 'encoding' | 'sha256'> {
  /** Where its encoded bytes begin in `bytes`. */
  readonly at: number;
  /** Where the contents of its bases lie on the disk. */
  readonly bases: readonly FilePiece[];
  /** Every place in the staged files where it belongs. */
  readonly places: readonly Placement[];
}

export type Unpacked =
  | { readonly kind: 'written' }
  | { readonly kind: 'damaged'; readonly problem: string }
  /** A file of this server that held a base has changed. */
  | { readonly kind: 'changed'; readonly path: string };

/** Runs in a thread. The bytes come from the store: nothing is written that does not hash to what the chunk names. */
export function* unpackChunks({ bytes, chunks }: UnpackInput): Generator<never, Unpacked, unknown> {
  using writer = new StagedWriter();
  for (const chunk of chunks) {
    const bases = chunk.bases.map((base) => ({ base, content: readContent(base) }));
    const lost = bases.find(({ content }) => content === undefined);
    if (lost !== undefined) return { kind: 'changed', path: lost.base.path };
    const dictionary = bases.length === 0 ? undefined : joinBytes(bases.flatMap(({ content }) => content ?? []));
    for (const { content } of bases) if (content !== undefined) freeBytes(content);
    const content = decodeChunk(bytes.subarray(chunk.at, chunk.at + chunk.length), chunk, dictionary);
    if (dictionary !== undefined) freeBytes(dictionary);
    if (typeof content === 'string') return { kind: 'damaged', problem: `chunk ${chunk.sha256} ${content}` };
    for (const { dress, path, position } of chunk.places) {
      if (dress === undefined) writer.write(path, content, position);
      else writer.writeWhole(path, content, dress);
    }
    if (chunk.encoding !== 'raw') freeBytes(content);
  }
  freeBytes(bytes);
  return { kind: 'written' };
}

export interface CopyInput {
  readonly chunks: readonly {
    readonly from: FilePiece;
    readonly places: readonly { readonly path: string; readonly position: number }[];
  }[];
}

/** Runs in a thread. Chunks that this server has itself; answers with those that were no longer there. */
// biome-ignore lint/correctness/useYield: every task is a generator; this one has nothing to say in between.
export function* copyChunks({ chunks }: CopyInput): Generator<never, Sha256[], unknown> {
  using writer = new StagedWriter();
  const lost: Sha256[] = [];
  for (const { from, places } of chunks) {
    const content = readContent(from);
    if (content === undefined) {
      lost.push(from.sha256);
      continue;
    }
    for (const { path, position } of places) writer.write(path, content, position);
    freeBytes(content);
  }
  return lost;
}
