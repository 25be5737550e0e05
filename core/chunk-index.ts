import * as z from 'zod';
import { type ChunkList, ChunkTable, ListedChunks, listChunks } from './chunk-table.ts';
import { LineHasher, type Sha256, sha256Schema } from './digest.ts';
import { assertDigestOfLines, compressLines, decompressLines, parseJson, parseValue } from './documents.ts';
import { InvalidDocument } from './errors.ts';
import { type ChunkLine, type ContentLine, parseIndexLine } from './index-lines.ts';

const INDEX_FORMAT = 'lockstep-index/1';

/** Where the bytes of a chunk lie: `length` encoded bytes at `offset` of a pack, `size` bytes when decoded. */
interface Place {
  readonly pack: Sha256;
  readonly offset: number;
  readonly length: number;
  readonly size: number;
  readonly sha256: Sha256;
}

export interface PlainChunk extends Place {
  readonly encoding: 'raw' | 'zstd';
}

/** Compressed with zstd against a dictionary: the contents of its bases, one after the other. */
export interface DeltaChunk extends Place {
  readonly encoding: 'zstd-dict';
  readonly bases: readonly Chunk[];
}

export type Chunk = PlainChunk | DeltaChunk;

/** How a chunk's bytes lie in its pack. */
export type Encoding = Chunk['encoding'];

/** The chunks of one file content, in order. */
export interface Recipe {
  readonly sha256: Sha256;
  readonly size: number;
  readonly chunks: ChunkList;
}

/** Says where some contents lie: everything that one needs to fetch them. */
export interface Index {
  readonly recipes: ReadonlyMap<Sha256, ListedRecipe>;
  /** Those of the recipes, their bases, and perhaps more. */
  readonly chunks: ChunkTable;
}

export interface ListedRecipe extends Recipe {
  readonly chunks: ListedChunks;
}

/** What a chunk cannot be decoded without. */
export function basesOf(chunk: Chunk): readonly Chunk[] {
  return chunk.encoding === 'zstd-dict' ? chunk.bases : [];
}

/** How many chunks have to be decoded first, one after the other. */
export function depthOf(chunk: Chunk): number {
  return chunk.encoding === 'zstd-dict' ? 1 + Math.max(...chunk.bases.map(depthOf)) : 0;
}

export const MAX_DEPTH = 2;
export const MAX_BASES = 8;
export const MAX_DICTIONARY_BYTES = 1024 * 1024;

/**
 * A header with the names of the packs, then lines of two kinds. `["chunk", sha256, pack, offset, length, size,
 * encoding, ...bases]` names its pack and its bases by their number; chunks are numbered as they come, so that a base
 * stands before what needs it. `["content", sha256, size, ...[first, count]]` lists runs of chunks.
 */
export function encodeIndex(index: {
  readonly recipes: Iterable<Recipe>;
  readonly chunks?: Iterable<Chunk>;
}): EncodedIndex {
  const recipes = [...index.recipes].sort(byDigest);
  const chunks = [...(index.chunks ?? [])].sort(byDigest);
  const hasher = new LineHasher();
  const bytes = compressLines(hashed(indexLines(recipes, chunks), hasher));
  return { digest: hasher.digest(), bytes };
}

export interface EncodedIndex {
  readonly digest: Sha256;
  readonly bytes: Uint8Array;
}

export function decodeIndex(bytes: Uint8Array, expected: Sha256): Index {
  const what = `index ${expected}`;
  assertDigestOfLines(what, bytes, expected);
  let reading: Reading | undefined;
  for (const line of decompressLines(what, bytes)) {
    const value = parseJson(what, line);
    if (reading === undefined) reading = new Reading(what, parseValue(what, indexHeaderSchema, value).packs);
    else reading.take(parseIndexLine(what, value));
  }
  if (reading === undefined) throw new InvalidDocument(what, 'it is empty');
  return reading;
}

function byDigest(a: { readonly sha256: Sha256 }, b: { readonly sha256: Sha256 }): number {
  return a.sha256 < b.sha256 ? -1 : 1;
}

function* hashed(lines: Iterable<string>, hasher: LineHasher): Generator<string> {
  for (const line of lines) {
    hasher.add(line);
    yield line;
  }
}

/** All chunks are numbered before the first line, which names their packs. */
function* indexLines(recipes: readonly Recipe[], chunks: readonly Chunk[]): Generator<string> {
  const table = new ChunkTable();
  const ends = Uint32Array.from(recipes, ({ chunks: own }) => {
    for (const chunk of own) table.place(chunk);
    return table.size;
  });
  for (const chunk of chunks) table.place(chunk);
  yield JSON.stringify({ format: INDEX_FORMAT, packs: table.packs });
  let written = 0;
  for (const [index, { chunks: own, sha256, size }] of recipes.entries()) {
    for (const end = ends[index] ?? 0; written < end; written++) yield chunkLine(table, written);
    yield JSON.stringify(['content', sha256, size, ...listChunks(own, table).runs()]);
  }
  for (; written < table.size; written++) yield chunkLine(table, written);
}

function chunkLine(table: ChunkTable, number: number): string {
  const { encoding, length, offset, sha256, size } = table.at(number);
  return JSON.stringify([
    'chunk',
    sha256,
    table.packOf(number),
    offset,
    length,
    size,
    encoding,
    ...table.basesOf(number),
  ]);
}

export const indexHeaderSchema = z.strictObject({ format: z.literal(INDEX_FORMAT), packs: z.array(sha256Schema) });

/** Whoever wrote the index may have meant harm: numbers lead only backwards, and sums are taken before anything is built. */
class Reading implements Index {
  readonly recipes = new Map<Sha256, ListedRecipe>();
  readonly chunks = new ChunkTable();
  readonly #what: string;
  readonly #packs: readonly Sha256[];
  #listed = 0;
  #last = '';

  constructor(what: string, packs: readonly Sha256[]) {
    this.#what = what;
    this.#packs = packs;
  }

  take(line: ChunkLine | ContentLine): void {
    if (line[0] === 'chunk') this.#takeChunk(line);
    else this.#takeContent(line);
  }

  #takeChunk(line: ChunkLine): void {
    const [, sha256] = line;
    if (this.chunks.has(sha256)) throw this.#invalid(`chunk ${sha256} is listed twice`);
    const baseOf = (number: number) => (number < this.chunks.size ? this.chunks.at(number) : undefined);
    this.chunks.place(readChunk(line, { what: this.#what, packs: this.#packs, baseOf }));
  }

  #takeContent([, sha256, size, ...runs]: ContentLine): void {
    if (sha256 <= this.#last) throw this.#invalid(`content ${sha256} is out of order`);
    this.#last = sha256;
    this.#listed += runs.reduce((sum, [, count]) => sum + count, 0);
    if (this.#listed > MAX_LISTED) throw this.#invalid('its contents list too many chunks');
    const isListed = runs.every(([first, count]) => first + count <= this.chunks.size);
    if (!isListed) throw this.#invalid(`content ${sha256} names a chunk that does not stand before it`);
    const chunks = new ListedChunks(this.chunks, runs);
    let bytes = 0;
    for (const number of chunks.numbers()) bytes += this.chunks.sizeOf(number);
    if (bytes !== size) throw this.#invalid(`the chunks of content ${sha256} do not add up`);
    this.recipes.set(sha256, { sha256, size, chunks });
  }

  #invalid(problem: string): InvalidDocument {
    return new InvalidDocument(this.#what, problem);
  }
}

export interface ChunkSurroundings {
  readonly what: string;
  readonly packs: readonly Sha256[];
  /** Only of one that stands before: a chunk cannot lead to itself. */
  readonly baseOf: (number: number) => Chunk | undefined;
}

/** The chunk that a line describes; InvalidDocument for one that nobody may follow. */
export function readChunk(
  [, sha256, packNumber, offset, length, size, encoding, ...baseNumbers]: ChunkLine,
  { baseOf, packs, what }: ChunkSurroundings,
): Chunk {
  const pack = packs[packNumber];
  const invalid = (problem: string) => new InvalidDocument(what, `chunk ${sha256} ${problem}`);
  if (pack === undefined) throw invalid('names a pack that is not listed');
  if (encoding === 'raw' && length !== size) throw invalid('is raw and has two lengths');
  if (!Number.isSafeInteger(offset + length)) throw invalid('lies too far');
  const place = { pack, offset, length, size, sha256 };
  const bases = baseNumbers.map((number) => {
    const base = baseOf(number);
    if (base === undefined) throw invalid('has a base that does not stand before it');
    return base;
  });
  const isDelta = encoding === 'zstd-dict';
  if (isDelta !== bases.length > 0) throw invalid(`has ${bases.length} bases as ${encoding}`);
  if (!isDelta) return { ...place, encoding };
  const chunk = { ...place, encoding, bases };
  const bytes = bases.reduce((sum, base) => sum + base.size, 0);
  if (depthOf(chunk) > MAX_DEPTH) throw invalid(`is a delta of deltas, ${depthOf(chunk)} deep`);
  if (bases.length > MAX_BASES || bytes > MAX_DICTIONARY_BYTES) {
    throw invalid(`has ${bases.length} bases of ${bytes} bytes, which are too many`);
  }
  return chunk;
}

/** A terabyte in chunks of 64 KiB. */
export const MAX_LISTED = 16_000_000;
