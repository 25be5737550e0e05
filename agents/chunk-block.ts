import { hash } from 'node:crypto';
import { LONGEST_CHUNK } from '#core/chunk-sizes.ts';
import type { Sha256 } from '#core/digest.ts';
import { type CuttingBlock, createCuttingBlock } from './cutter.ts';
import type { CutSizes } from './gear.ts';
import { readFully } from './read-file.ts';

export interface OfferedChunk {
  /** Number of its file. */
  readonly file: number;
  readonly sha256: Sha256;
  readonly size: number;
}

/** With its content, which is lent until the next one is served. */
export interface CutChunk extends OfferedChunk {
  readonly content: Uint8Array;
}

export interface Offer {
  readonly kind: 'offer';
  readonly chunks: readonly OfferedChunk[];
}

/** What is done with chunks once the main thread has answered their offer; a piece for it, if there is one. */
type Serve<P> = (chunks: readonly CutChunk[], answer: unknown) => P | undefined;

/** Bytes that were read: first those in chunks, then those not cut yet, then space. To be given back after use. */
export class ChunkBlock<P = never> {
  readonly #memory: CuttingBlock;
  readonly #serve: Serve<P>;
  #chunks: (OfferedChunk & { readonly start: number })[] = [];
  #cutEnd = 0;
  #end = 0;

  constructor(serve: Serve<P>) {
    this.#memory = spareBlocks.pop() ?? createCuttingBlock(BLOCK_BYTES);
    this.#serve = serve;
  }

  /** Reads and cuts so much of a file; `onRead` sees every byte once, in order. */
  *cutFile(
    descriptor: number,
    { number, size, sizes }: { readonly number: number; readonly size: number; readonly sizes: CutSizes },
    onRead?: (bytes: Uint8Array) => void,
  ): Generator<Offer | P, void, unknown> {
    let left = size;
    let isEnd = false;
    while (!isEnd) {
      if (BLOCK_BYTES - this.#end < Math.min(left, LONGEST_CHUNK)) yield* this.flush();
      const fresh = this.#fill((target) => readFully(descriptor, target.subarray(0, left)));
      onRead?.(fresh);
      left -= fresh.length;
      isEnd = left === 0 || fresh.length === 0;
      while (this.#cut(number, sizes, isEnd));
    }
  }

  /** Hands out the chunks and keeps only what is not cut yet. */
  *flush(): Generator<Offer | P, void, unknown> {
    if (this.#chunks.length > 0) {
      const answer = yield {
        kind: 'offer',
        chunks: this.#chunks.map(({ file, sha256, size }) => ({ file, sha256, size })),
      };
      const piece = this.#serve(
        this.#chunks.map(({ start, ...chunk }) => ({
          ...chunk,
          content: this.#memory.bytes.subarray(start, start + chunk.size),
        })),
        answer,
      );
      if (piece !== undefined) yield piece;
    }
    this.#memory.bytes.copyWithin(0, this.#cutEnd, this.#end);
    this.#end -= this.#cutEnd;
    this.#cutEnd = 0;
    this.#chunks = [];
  }

  [Symbol.dispose](): void {
    spareBlocks.push(this.#memory);
  }

  #fill(read: (target: Uint8Array) => number): Uint8Array {
    const start = this.#end;
    this.#end += read(this.#memory.bytes.subarray(start));
    return this.#memory.bytes.subarray(start, this.#end);
  }

  /** The next chunk; not when more bytes are needed, or there are none. */
  #cut(file: number, sizes: CutSizes, isEnd: boolean): boolean {
    const start = this.#cutEnd;
    const size = this.#memory.cut({ start, end: this.#end, isEnd }, sizes);
    if (size === 0) return false;
    this.#cutEnd += size;
    const sha256 = hash('sha256', this.#memory.bytes.subarray(start, this.#cutEnd), 'hex') as Sha256;
    this.#chunks.push({ file, sha256, size, start });
    return true;
  }
}

const BLOCK_BYTES = 2 * 1024 * 1024;
/** One per task at work; kept for the next. */
const spareBlocks: CuttingBlock[] = [];
