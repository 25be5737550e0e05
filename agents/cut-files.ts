import { createHash } from 'node:crypto';
import type { Chunk, Encoding } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';
import { freeBytes, joinBytes } from '#core/free-bytes.ts';
import { ChunkBlock, type CutChunk, type Offer } from './chunk-block.ts';
import { encodeChunk } from './code-chunk.ts';
import { type FileStats, plainStats } from './file-stats.ts';
import { type Averages, cutSizesOf } from './gear.ts';
import { type KeptChunk, readDictionary } from './kept-chunk.ts';
import { readUnchanged } from './read-file.ts';

export interface CutInput {
  readonly root: string;
  readonly files: readonly { readonly path: string }[];
  /** Others than those of the format, to see what they would come to. */
  readonly averages?: Averages;
}

/** The answer to an offered chunk. */
export type Wish = 'not-wanted' | { readonly bases: readonly KeptChunk[] };

export interface EncodedChunk {
  readonly sha256: Sha256;
  readonly size: number;
  /** Encoded bytes. */
  readonly length: number;
  readonly encoding: Encoding;
  readonly bases: readonly Chunk[];
}

/** Those that are wanted, one after the other. */
interface Content {
  readonly kind: 'content';
  readonly chunks: readonly EncodedChunk[];
  readonly bytes: Uint8Array;
}

/** An offer is answered with one Wish per chunk. */
export type CutPiece = Offer | Content;

/** Per file, by its order: what was cut of one that held still. Its chunks, in order, are those that were offered. */
export type CutFile =
  | { readonly kind: 'cut'; readonly sha256: Sha256; readonly stats: FileStats }
  | { readonly kind: 'changed' };

/** Runs in a thread, holding no more than a block of bytes. The whole file is hashed, too, so that no torn one gets a recipe. */
export function* cutFiles({ root, files, averages }: CutInput): Generator<CutPiece, CutFile[], unknown> {
  using block = new ChunkBlock((chunks, wishes) => encode(chunks, wishes as Wish[]));
  const results: CutFile[] = [];
  for (const [number, { path }] of files.entries()) {
    const hasher = createHash('sha256');
    const outcome = yield* readUnchanged(`${root}/${path}`, (descriptor, size) =>
      block.cutFile(descriptor, { number, size, sizes: cutSizesOf(size, averages) }, (bytes) => hasher.update(bytes)),
    );
    const sha256 = hasher.digest('hex') as Sha256;
    results.push(
      outcome.kind === 'read' ? { kind: 'cut', sha256, stats: plainStats(outcome.stats) } : { kind: 'changed' },
    );
  }
  yield* block.flush();
  return results;
}

function encode(cut: readonly CutChunk[], wishes: readonly Wish[]): Content | undefined {
  const encoded = cut.flatMap(({ content: raw, sha256, size }, index) => {
    const wish = wishes[index];
    if (wish === undefined || wish === 'not-wanted') return [];
    const dictionary = readDictionary(wish.bases);
    const { bytes, encoding } = encodeChunk(raw, dictionary?.bytes);
    if (dictionary !== undefined) freeBytes(dictionary.bytes);
    const bases = encoding === 'zstd-dict' ? (dictionary?.bases ?? []) : [];
    return [{ bytes, isOwn: bytes !== raw, chunk: { sha256, size, length: bytes.length, encoding, bases } }];
  });
  if (encoded.length === 0) return undefined;
  const bytes = joinBytes(encoded.map((one) => one.bytes));
  for (const one of encoded) if (one.isOwn) freeBytes(one.bytes);
  return { kind: 'content', chunks: encoded.map(({ chunk }) => chunk), bytes };
}
