import { type Chunk, indexHeaderSchema, MAX_DEPTH, MAX_LISTED, type Recipe, readChunk } from './chunk-index.ts';
import { LineHasher, type Sha256 } from './digest.ts';
import { decompressBlocks, parseJson, parseValue, utf8 } from './documents.ts';
import { InvalidDocument } from './errors.ts';
import { parseChunkLine, parseContentLine } from './index-lines.ts';

/**
 * An index of which only a little is asked for: its lines are kept as they are, and parsed when somebody wants them. As
 * strict as `decodeIndex` about what it hands out, and about the digest of it all.
 */
export class IndexLookup {
  readonly #what: string;
  readonly #blocks: Buffer[] = [];
  readonly #packs: readonly Sha256[];
  /** Where their lines begin: the number of the block, and bytes in it. */
  readonly #chunkLines: number[] = [];
  readonly #contentLines: number[] = [];
  readonly #chunks = new Map<number, Chunk>();

  constructor(bytes: Uint8Array, expected: Sha256) {
    this.#what = `index ${expected}`;
    const hasher = new LineHasher();
    let header: string | undefined;
    for (const block of decompressBlocks(this.#what, bytes)) {
      hasher.addText(block);
      this.#blocks.push(block);
      for (let start = 0; start < block.length; start = block.indexOf(LINE_FEED, start) + 1) {
        if (header === undefined) header = this.#textAt(this.#blocks.length - 1, start);
        else this.#list(start);
      }
    }
    if (header === undefined) throw this.#invalid('it is empty');
    if (hasher.digest() !== expected) throw this.#invalid('its digest differs');
    this.#packs = parseValue(this.#what, indexHeaderSchema, parseJson(this.#what, header)).packs;
  }

  has(sha256: Sha256): boolean {
    return this.#find(sha256) !== undefined;
  }

  recipeOf(sha256: Sha256): Recipe | undefined {
    const number = this.#find(sha256);
    return number === undefined ? undefined : this.#recipe(number);
  }

  /** The lines of contents stand in the order of their digests. */
  #find(sha256: Sha256): number | undefined {
    let [low, high] = [0, this.#contentLines.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#contentAt(middle) < sha256) low = middle + 1;
      else high = middle;
    }
    return low < this.#contentLines.length && this.#contentAt(low) === sha256 ? low : undefined;
  }

  #list(start: number): void {
    const number = this.#blocks.length - 1;
    const block = this.#blocks[number];
    const kind = block?.toString('latin1', start, start + CONTENT.length);
    const place = number * PLACES + start;
    if (kind?.startsWith(CHUNK) === true) this.#chunkLines.push(place);
    else if (kind === CONTENT) this.#contentLines.push(place);
    else throw this.#invalid('it has a line of another kind');
  }

  #contentAt(number: number): string {
    const place = this.#contentLines[number] ?? 0;
    const start = (place % PLACES) + CONTENT.length;
    return this.#blocks[Math.floor(place / PLACES)]?.toString('latin1', start, start + DIGEST_LENGTH) ?? '';
  }

  #recipe(number: number): Recipe {
    const [, sha256, size, ...runs] = this.#parse(this.#contentLines[number], parseContentLine);
    const listed = runs.reduce((sum, [, count]) => sum + count, 0);
    if (listed > MAX_LISTED) throw this.#invalid(`content ${sha256} lists too many chunks`);
    const chunks = runs.flatMap(([first, count]) =>
      Array.from({ length: count }, (_, index) => this.#chunk(first + index)),
    );
    if (chunks.reduce((sum, chunk) => sum + chunk.size, 0) !== size) {
      throw this.#invalid(`the chunks of content ${sha256} do not add up`);
    }
    return { sha256, size, chunks };
  }

  #chunk(number: number, above = 0): Chunk {
    const known = this.#chunks.get(number);
    if (known !== undefined) return known;
    // Looked at before the bases are: whoever wrote this may have made a chain that no stack can hold.
    if (above > MAX_DEPTH) throw this.#invalid('it has a delta of deltas, deeper than allowed');
    const chunk = readChunk(this.#parse(this.#chunkLines[number], parseChunkLine), {
      what: this.#what,
      packs: this.#packs,
      baseOf: (base) => (base < number ? this.#chunk(base, above + 1) : undefined),
    });
    this.#chunks.set(number, chunk);
    return chunk;
  }

  #parse<T>(place: number | undefined, parse: (what: string, value: unknown) => T): T {
    if (place === undefined) throw this.#invalid('a content names a chunk that it does not list');
    const line = this.#textAt(Math.floor(place / PLACES), place % PLACES);
    return parse(this.#what, parseJson(this.#what, line));
  }

  #textAt(number: number, start: number): string {
    const block = this.#blocks[number] ?? Buffer.alloc(0);
    return utf8(this.#what, block.subarray(start, block.indexOf(LINE_FEED, start)));
  }

  #invalid(problem: string): InvalidDocument {
    return new InvalidDocument(this.#what, problem);
  }
}

/** More than a block has bytes. */
const PLACES = 2 ** 32;
const CHUNK = '["chunk","';
const CONTENT = '["content","';
const DIGEST_LENGTH = 64;
const LINE_FEED = 0x0a;
