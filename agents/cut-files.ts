import { createHash, hash } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import type { Sha256 } from '#core/digest.ts';
import type { Encoding } from '#core/snapshot.ts';
import { createCutter } from './cutter.ts';
import { freeBytes } from './free-bytes.ts';
import { readFully, readUnchanged } from './read-file.ts';

export interface CutInput {
  readonly root: string;
  /** Files with the digest that the scan found. */
  readonly files: readonly { readonly path: string; readonly sha256: Sha256 }[];
}

export interface OfferedChunk {
  readonly sha256: Sha256;
  readonly size: number;
}

export interface EncodedChunk extends OfferedChunk {
  /** Encoded bytes. */
  readonly length: number;
  readonly encoding: Encoding;
}

/** `offer` is answered with one boolean per chunk, whether its content is wanted; `content` holds those, one after the other. */
export type CutPiece =
  | { readonly kind: 'offer'; readonly chunks: readonly OfferedChunk[] }
  | { readonly kind: 'content'; readonly chunks: readonly EncodedChunk[]; readonly bytes: Uint8Array };

/** Per file its chunks in order, or that it is no longer what was scanned. */
export type CutFile = { readonly kind: 'cut'; readonly chunks: readonly Sha256[] } | { readonly kind: 'changed' };

/** Runs in a thread, holding no more than a block of bytes. The whole file is hashed again, so that no torn file gets a recipe. */
export function* cutFiles({ root, files }: CutInput): Generator<CutPiece, CutFile[], unknown> {
  const block = new Block(spareBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES));
  try {
    const results: CutFile[] = [];
    for (const file of files) results.push(yield* cutFile(block, `${root}/${file.path}`, file.sha256));
    yield* block.flush();
    return results;
  } finally {
    spareBlocks.push(block.bytes);
  }
}

function* cutFile(block: Block, path: string, expected: Sha256): Generator<CutPiece, CutFile, unknown> {
  const chunks: Sha256[] = [];
  const hasher = createHash('sha256');
  const outcome = yield* readUnchanged(path, function* (descriptor, size) {
    const cutter = createCutter();
    let left = size;
    let isEnd = false;
    while (!isEnd) {
      if (block.space < Math.min(left, cutter.longest)) yield* block.flush();
      const fresh = block.fill((target) => readFully(descriptor, target.subarray(0, left)));
      hasher.update(fresh);
      left -= fresh.length;
      isEnd = left === 0 || fresh.length === 0;
      for (;;) {
        const length = block.uncut.length === 0 ? 0 : cutter.next(block.uncut, isEnd);
        if (length === 0) break;
        chunks.push(block.cut(length));
      }
    }
  });
  const isSame = outcome.kind === 'read' && hasher.digest('hex') === expected;
  return isSame ? { kind: 'cut', chunks } : { kind: 'changed' };
}

/** Bytes that were read: first those in chunks, then those not cut yet, then space. */
class Block {
  readonly bytes: Buffer;
  #chunks: (OfferedChunk & { readonly start: number })[] = [];
  #cutEnd = 0;
  #end = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get space(): number {
    return BLOCK_BYTES - this.#end;
  }

  get uncut(): Uint8Array {
    return this.bytes.subarray(this.#cutEnd, this.#end);
  }

  fill(read: (target: Uint8Array) => number): Uint8Array {
    const start = this.#end;
    this.#end += read(this.bytes.subarray(start));
    return this.bytes.subarray(start, this.#end);
  }

  cut(length: number): Sha256 {
    const start = this.#cutEnd;
    this.#cutEnd += length;
    const sha256 = hash('sha256', this.bytes.subarray(start, this.#cutEnd), 'hex') as Sha256;
    this.#chunks.push({ sha256, size: length, start });
    return sha256;
  }

  /** Hands out the chunks and keeps only what is not cut yet. */
  *flush(): Generator<CutPiece, void, unknown> {
    if (this.#chunks.length > 0) {
      const wanted = (yield {
        kind: 'offer',
        chunks: this.#chunks.map(({ sha256, size }) => ({ sha256, size })),
      }) as boolean[];
      const content = this.#encode(this.#chunks.filter((_, index) => wanted[index] === true));
      if (content.chunks.length > 0) yield content;
    }
    this.bytes.copyWithin(0, this.#cutEnd, this.#end);
    this.#end -= this.#cutEnd;
    this.#cutEnd = 0;
    this.#chunks = [];
  }

  #encode(wanted: readonly (OfferedChunk & { readonly start: number })[]): Extract<CutPiece, { kind: 'content' }> {
    const encoded = wanted.map(({ sha256, size, start }) => {
      const raw = this.bytes.subarray(start, start + size);
      const packed = size < WORTH_PACKING ? raw : zstdCompressSync(raw, { ...ZSTD, chunkSize: size + FRAME_BYTES });
      const helps = packed.length < size * HELPS;
      const bytes = helps ? packed : raw;
      return {
        bytes,
        spent: packed === raw ? undefined : packed,
        chunk: { sha256, size, length: bytes.length, encoding: helps ? ('zstd' as const) : ('raw' as const) },
      };
    });
    const bytes = new Uint8Array(encoded.reduce((sum, one) => sum + one.bytes.length, 0));
    let offset = 0;
    for (const one of encoded) {
      bytes.set(one.bytes, offset);
      offset += one.bytes.length;
    }
    for (const { spent } of encoded) if (spent !== undefined) freeBytes(spent);
    return { kind: 'content', chunks: encoded.map(({ chunk }) => chunk), bytes };
  }
}

const BLOCK_BYTES = 8 * 1024 * 1024;
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };
/** More than zstd adds to what it cannot make smaller: the output fits at the first try. */
const FRAME_BYTES = 4096;
/** One per task at work; kept for the next. */
const spareBlocks: Buffer[] = [];
/** Below this a frame's own bytes eat the gain. */
const WORTH_PACKING = 128;
const HELPS = 0.97;
