import type { Chunk, Encoding } from './chunk-index.ts';
import type { Sha256 } from './digest.ts';
import { DigestTable } from './digest-table.ts';

/** Chunks in order. Many of them are best not kept, for they may have been made when they were asked for. */
export interface ChunkList extends Iterable<Chunk> {
  readonly length: number;
}

/**
 * Many chunks, each once and numbered as they come, in columns: about 70 bytes each, a fifth of what they take as
 * objects. A chunk may be known before it has a place in a pack.
 */
export class ChunkTable {
  readonly #digests = new DigestTable();
  readonly #packs: Sha256[] = [];
  readonly #packNumbers = new Map<Sha256, number>();
  readonly #bases = new Map<number, readonly number[]>();
  #offsets = new Float64Array(SMALLEST);
  /** FIELDS a chunk: the number of its pack and one more, 0 for none yet; length, size, number of the encoding. */
  #fields = new Uint32Array(SMALLEST * FIELDS);

  get size(): number {
    return this.#digests.size;
  }

  /** In the order in which chunks were first placed in them. */
  get packs(): readonly Sha256[] {
    return this.#packs;
  }

  /** The number of the chunk with this digest, which may have no place yet. */
  add(sha256: Sha256): number {
    const number = this.#digests.add(sha256);
    if (number >= this.#offsets.length) this.#grow();
    return number;
  }

  /** The number of a chunk that has its place now, as its bases have, unless it had one before. */
  place(chunk: Chunk): number {
    const known = this.#digests.find(chunk.sha256);
    if (known !== undefined && this.#isPlaced(known)) return known;
    const bases = chunk.encoding === 'zstd-dict' ? chunk.bases.map((base) => this.place(base)) : [];
    const number = this.add(chunk.sha256);
    // What is said to be made from itself stays as it was.
    if (this.#isPlaced(number)) return number;
    if (bases.length > 0) this.#bases.set(number, bases);
    this.#offsets[number] = chunk.offset;
    this.#fields.set(
      [this.#numberOf(chunk.pack) + 1, chunk.length, chunk.size, ENCODINGS.indexOf(chunk.encoding)],
      number * FIELDS,
    );
    return number;
  }

  find(sha256: Sha256): number | undefined {
    return this.#digests.find(sha256);
  }

  has(sha256: Sha256): boolean {
    return this.find(sha256) !== undefined;
  }

  get(sha256: Sha256): Chunk | undefined {
    const number = this.find(sha256);
    return number === undefined ? undefined : this.at(number);
  }

  at(number: number): Chunk {
    const at = number * FIELDS;
    const sha256 = this.#digests.at(number);
    const pack = this.#packs[(this.#fields[at] ?? 0) - 1];
    if (pack === undefined) throw new Error(`chunk ${sha256} is in no pack`);
    const place = {
      pack,
      offset: this.#offsets[number] ?? 0,
      length: this.#fields[at + 1] ?? 0,
      size: this.sizeOf(number),
      sha256,
    };
    const encoding = ENCODINGS[this.#fields[at + 3] ?? 0] ?? 'raw';
    if (encoding !== 'zstd-dict') return { ...place, encoding };
    return { ...place, encoding, bases: this.basesOf(number).map((base) => this.at(base)) };
  }

  digestOf(number: number): Sha256 {
    return this.#digests.at(number);
  }

  sizeOf(number: number): number {
    return this.#fields[number * FIELDS + 2] ?? 0;
  }

  basesOf(number: number): readonly number[] {
    return this.#bases.get(number) ?? NO_BASES;
  }

  /** As a number in `packs`; -1 for none yet. */
  packOf(number: number): number {
    return (this.#fields[number * FIELDS] ?? 0) - 1;
  }

  *values(): Generator<Chunk> {
    for (let number = 0; number < this.size; number++) yield this.at(number);
  }

  #isPlaced(number: number): boolean {
    return this.packOf(number) >= 0;
  }

  #numberOf(pack: Sha256): number {
    const known = this.#packNumbers.get(pack);
    if (known !== undefined) return known;
    this.#packNumbers.set(pack, this.#packs.length);
    return this.#packs.push(pack) - 1;
  }

  #grow(): void {
    this.#offsets = new Float64Array(this.#offsets.buffer.transfer(2 * this.#offsets.byteLength));
    this.#fields = new Uint32Array(this.#fields.buffer.transfer(2 * this.#fields.byteLength));
  }
}

/** The chunks, with a place in the table each. */
export function listChunks(chunks: Iterable<Chunk>, table: ChunkTable = new ChunkTable()): ListedChunks {
  const list = new ListedChunks(table);
  for (const chunk of chunks) list.push(table.place(chunk));
  return list;
}

/** Some chunks of a table, in an order of their own: as runs of numbers, for neighbours in a file are so in a table. */
export class ListedChunks implements ChunkList {
  readonly table: ChunkTable;
  /** All runs but the last: most lists have no other. */
  #earlier: Run[] | undefined;
  #first = 0;
  #count = 0;
  length = 0;

  constructor(table: ChunkTable, runs: Iterable<Run> = []) {
    this.table = table;
    for (const run of runs) this.#add(run);
  }

  push(number: number): void {
    this.#add([number, 1]);
  }

  *runs(): Generator<Run> {
    if (this.#earlier !== undefined) yield* this.#earlier;
    if (this.#count > 0) yield [this.#first, this.#count];
  }

  *numbers(): Generator<number> {
    for (const [first, count] of this.runs()) for (let number = first; number < first + count; number++) yield number;
  }

  *[Symbol.iterator](): Generator<Chunk> {
    for (const number of this.numbers()) yield this.table.at(number);
  }

  /** Of the chunks and all that they are made from. */
  addPacksTo(packs: Set<Sha256>): void {
    const add = (number: number): void => {
      const pack = this.table.packs[this.table.packOf(number)];
      if (pack !== undefined) packs.add(pack);
      this.table.basesOf(number).forEach(add);
    };
    for (const number of this.numbers()) add(number);
  }

  #add([first, count]: Run): void {
    this.length += count;
    if (this.#first + this.#count === first) {
      this.#count += count;
      return;
    }
    if (this.#count > 0) {
      this.#earlier ??= [];
      this.#earlier.push([this.#first, this.#count]);
    }
    this.#first = first;
    this.#count = count;
  }
}

/** First number and how many. */
export type Run = readonly [first: number, count: number];

const ENCODINGS: readonly Encoding[] = ['raw', 'zstd', 'zstd-dict'];
const NO_BASES: readonly number[] = [];
const FIELDS = 4;
/** Chunks at first. */
const SMALLEST = 64;
