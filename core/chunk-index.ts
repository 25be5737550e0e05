import { z } from 'zod';
import { type Sha256, sha256Schema } from './digest.ts';
import { compressLines, decompressLines, digestOfLines, parseJson, parseValue } from './documents.ts';
import { InvalidDocument } from './errors.ts';

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
  readonly chunks: readonly Chunk[];
}

/** Says where some contents lie: everything that one needs to fetch them. */
export interface Index {
  readonly recipes: ReadonlyMap<Sha256, Recipe>;
  /** Those of the recipes, their bases, and perhaps more. */
  readonly chunks: ReadonlyMap<Sha256, Chunk>;
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
const MAX_CHUNK_BYTES = 1024 * 1024;
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
  const recipes = [...index.recipes].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  const chunks = [...(index.chunks ?? [])].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  const lines = new Numbering().write(recipes, chunks);
  return { digest: digestOfLines(lines), bytes: compressLines(lines) };
}

export interface EncodedIndex {
  readonly digest: Sha256;
  readonly bytes: Uint8Array;
}

export function decodeIndex(bytes: Uint8Array, expected: Sha256): Index {
  const what = `index ${expected}`;
  const [first, ...rest] = decompressLines(what, bytes);
  if (first === undefined) throw new InvalidDocument(what, 'it is empty');
  if (digestOfLines([first, ...rest]) !== expected) throw new InvalidDocument(what, 'its digest differs');
  const { packs } = parseValue(what, indexHeaderSchema, parseJson(what, first));
  const reading = new Reading(what, packs);
  for (const line of rest) reading.take(parseValue(what, lineSchema, parseJson(what, line)));
  return reading;
}

class Numbering {
  readonly #lines: string[] = [];
  readonly #packs = new Map<Sha256, number>();
  readonly #chunks = new Map<Sha256, number>();

  write(recipes: readonly Recipe[], chunks: readonly Chunk[]): string[] {
    for (const { chunks: own, sha256, size } of recipes) {
      const numbers = own.map((chunk) => this.#chunk(chunk));
      this.#lines.push(JSON.stringify(['content', sha256, size, ...runsOf(numbers)]));
    }
    for (const chunk of chunks) this.#chunk(chunk);
    return [JSON.stringify({ format: INDEX_FORMAT, packs: [...this.#packs.keys()] }), ...this.#lines];
  }

  #chunk(chunk: Chunk): number {
    const known = this.#chunks.get(chunk.sha256);
    if (known !== undefined) return known;
    const { encoding, length, offset, pack, sha256, size } = chunk;
    const bases = basesOf(chunk).map((base) => this.#chunk(base));
    this.#lines.push(JSON.stringify(['chunk', sha256, this.#pack(pack), offset, length, size, encoding, ...bases]));
    const number = this.#chunks.size;
    this.#chunks.set(sha256, number);
    return number;
  }

  #pack(pack: Sha256): number {
    const number = this.#packs.get(pack) ?? this.#packs.size;
    this.#packs.set(pack, number);
    return number;
  }
}

function runsOf(numbers: readonly number[]): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === number) last[1]++;
    else runs.push([number, 1]);
  }
  return runs;
}

const numberSchema = z.int().nonnegative();

export const indexHeaderSchema = z.strictObject({ format: z.literal(INDEX_FORMAT), packs: z.array(sha256Schema) });

export const chunkLineSchema = z.tuple(
  [
    z.literal('chunk'),
    sha256Schema,
    numberSchema,
    numberSchema,
    z
      .int()
      .positive()
      .max(2 * MAX_CHUNK_BYTES),
    z.int().positive().max(MAX_CHUNK_BYTES),
    z.enum(['raw', 'zstd', 'zstd-dict']),
  ],
  numberSchema,
);

export const contentLineSchema = z.tuple(
  [z.literal('content'), sha256Schema, numberSchema],
  z.tuple([numberSchema, z.int().positive()]),
);

const lineSchema = z.union([chunkLineSchema, contentLineSchema]);

/** Whoever wrote the index may have meant harm: numbers lead only backwards, and sums are taken before anything is built. */
class Reading implements Index {
  readonly recipes = new Map<Sha256, Recipe>();
  readonly chunks = new Map<Sha256, Chunk>();
  readonly #what: string;
  readonly #packs: readonly Sha256[];
  readonly #numbered: Chunk[] = [];
  #listed = 0;
  #last = '';

  constructor(what: string, packs: readonly Sha256[]) {
    this.#what = what;
    this.#packs = packs;
  }

  take(line: z.infer<typeof lineSchema>): void {
    if (line[0] === 'chunk') this.#takeChunk(line);
    else this.#takeContent(line);
  }

  #takeChunk(line: ChunkLine): void {
    const [, sha256] = line;
    if (this.chunks.has(sha256)) throw this.#invalid(`chunk ${sha256} is listed twice`);
    const chunk = readChunk(line, { what: this.#what, packs: this.#packs, baseOf: (number) => this.#numbered[number] });
    this.#numbered.push(chunk);
    this.chunks.set(sha256, chunk);
  }

  #takeContent([, sha256, size, ...runs]: z.infer<typeof contentLineSchema>): void {
    if (sha256 <= this.#last) throw this.#invalid(`content ${sha256} is out of order`);
    this.#last = sha256;
    this.#listed += runs.reduce((sum, [, count]) => sum + count, 0);
    if (this.#listed > MAX_LISTED) throw this.#invalid('its contents list too many chunks');
    const chunks = runs.flatMap(([first, count]) => this.#numbered.slice(first, first + count));
    const isListed = runs.every(([first, count]) => first + count <= this.#numbered.length);
    if (!isListed) throw this.#invalid(`content ${sha256} names a chunk that does not stand before it`);
    if (chunks.reduce((sum, chunk) => sum + chunk.size, 0) !== size) {
      throw this.#invalid(`the chunks of content ${sha256} do not add up`);
    }
    this.recipes.set(sha256, { sha256, size, chunks });
  }

  #invalid(problem: string): InvalidDocument {
    return new InvalidDocument(this.#what, problem);
  }
}

export type ChunkLine = z.infer<typeof chunkLineSchema>;

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
