import { createHash, hash } from 'node:crypto';
import type { Chunk, Encoding } from '#core/chunk-index.ts';
import { LONGEST_CHUNK } from '#core/chunk-sizes.ts';
import type { Sha256 } from '#core/digest.ts';
import { freeBytes } from '#core/free-bytes.ts';
import { encodeChunk } from './code-chunk.ts';
import { type CuttingBlock, createCuttingBlock } from './cutter.ts';
import { type Averages, type CutSizes, cutSizesOf } from './gear.ts';
import { type KeptChunk, readDictionary } from './kept-chunk.ts';
import { readFully, readUnchanged } from './read-file.ts';

export interface CutInput {
  readonly root: string;
  /** Files with the digest that the scan found. */
  readonly files: readonly { readonly path: string; readonly sha256: Sha256 }[];
  /** Others than those of the format, to see what they would come to. */
  readonly averages?: Averages;
}

export interface OfferedChunk {
  /** Number of its file in the input. */
  readonly file: number;
  readonly sha256: Sha256;
  readonly size: number;
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

/** `offer` is answered with one Wish per chunk; `content` holds those that are wanted, one after the other. */
export type CutPiece =
  | { readonly kind: 'offer'; readonly chunks: readonly OfferedChunk[] }
  | { readonly kind: 'content'; readonly chunks: readonly EncodedChunk[]; readonly bytes: Uint8Array };

/** Per file whether it still is what was scanned. Its chunks, in order, are those that were offered. */
export type CutFile = 'cut' | 'changed';

/** Runs in a thread, holding no more than a block of bytes. The whole file is hashed again, so that no torn file gets a recipe. */
export function* cutFiles({ root, files, averages }: CutInput): Generator<CutPiece, CutFile[], unknown> {
  const block = new Block(spareBlocks.pop() ?? createCuttingBlock(BLOCK_BYTES));
  try {
    const results: CutFile[] = [];
    for (const [number, file] of files.entries()) {
      results.push(yield* cutFile(block, number, { path: `${root}/${file.path}`, sha256: file.sha256, averages }));
    }
    yield* block.flush();
    return results;
  } finally {
    spareBlocks.push(block.memory);
  }
}

function* cutFile(
  block: Block,
  number: number,
  {
    averages,
    path,
    sha256,
  }: { readonly path: string; readonly sha256: Sha256; readonly averages: Averages | undefined },
): Generator<CutPiece, CutFile, unknown> {
  const hasher = createHash('sha256');
  const outcome = yield* readUnchanged(path, function* (descriptor, size) {
    const sizes = cutSizesOf(size, averages);
    let left = size;
    let isEnd = false;
    while (!isEnd) {
      if (block.space < Math.min(left, LONGEST_CHUNK)) yield* block.flush();
      const fresh = block.fill((target) => readFully(descriptor, target.subarray(0, left)));
      hasher.update(fresh);
      left -= fresh.length;
      isEnd = left === 0 || fresh.length === 0;
      while (block.cut(number, sizes, isEnd));
    }
  });
  return outcome.kind === 'read' && hasher.digest('hex') === sha256 ? 'cut' : 'changed';
}

/** Bytes that were read: first those in chunks, then those not cut yet, then space. */
class Block {
  readonly memory: CuttingBlock;
  #chunks: (OfferedChunk & { readonly start: number })[] = [];
  #cutEnd = 0;
  #end = 0;

  constructor(memory: CuttingBlock) {
    this.memory = memory;
  }

  get space(): number {
    return BLOCK_BYTES - this.#end;
  }

  fill(read: (target: Uint8Array) => number): Uint8Array {
    const start = this.#end;
    this.#end += read(this.memory.bytes.subarray(start));
    return this.memory.bytes.subarray(start, this.#end);
  }

  /** The next chunk; not when more bytes are needed, or there are none. */
  cut(file: number, sizes: CutSizes, isEnd: boolean): boolean {
    const start = this.#cutEnd;
    const size = this.memory.cut({ start, end: this.#end, isEnd }, sizes);
    if (size === 0) return false;
    this.#cutEnd += size;
    const sha256 = hash('sha256', this.memory.bytes.subarray(start, this.#cutEnd), 'hex') as Sha256;
    this.#chunks.push({ file, sha256, size, start });
    return true;
  }

  /** Hands out the chunks and keeps only what is not cut yet. */
  *flush(): Generator<CutPiece, void, unknown> {
    if (this.#chunks.length > 0) {
      const offer = this.#chunks.map(({ file, sha256, size }) => ({ file, sha256, size }));
      const wishes = (yield { kind: 'offer', chunks: offer }) as Wish[];
      const content = this.#encode(wishes);
      if (content.chunks.length > 0) yield content;
    }
    this.memory.bytes.copyWithin(0, this.#cutEnd, this.#end);
    this.#end -= this.#cutEnd;
    this.#cutEnd = 0;
    this.#chunks = [];
  }

  #encode(wishes: readonly Wish[]): Extract<CutPiece, { kind: 'content' }> {
    const encoded = this.#chunks.flatMap(({ sha256, size, start }, index) => {
      const wish = wishes[index];
      if (wish === undefined || wish === 'not-wanted') return [];
      const dictionary = readDictionary(wish.bases);
      const raw = this.memory.bytes.subarray(start, start + size);
      const { bytes, encoding } = encodeChunk(raw, dictionary?.bytes);
      if (dictionary !== undefined) freeBytes(dictionary.bytes);
      const bases = encoding === 'zstd-dict' ? (dictionary?.bases ?? []) : [];
      return [{ bytes, isOwn: bytes !== raw, chunk: { sha256, size, length: bytes.length, encoding, bases } }];
    });
    const bytes = new Uint8Array(encoded.reduce((sum, one) => sum + one.bytes.length, 0));
    let offset = 0;
    for (const one of encoded) {
      bytes.set(one.bytes, offset);
      offset += one.bytes.length;
      if (one.isOwn) freeBytes(one.bytes);
    }
    return { kind: 'content', chunks: encoded.map(({ chunk }) => chunk), bytes };
  }
}

const BLOCK_BYTES = 2 * 1024 * 1024;
/** One per task at work; kept for the next. */
const spareBlocks: CuttingBlock[] = [];
