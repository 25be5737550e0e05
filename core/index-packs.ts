import { indexHeaderSchema, MAX_LISTED } from './chunk-index.ts';
import { LineHasher, type Sha256 } from './digest.ts';
import { decompressLines, parseJson, parseValue } from './documents.ts';
import { InvalidDocument } from './errors.ts';
import { type ChunkLine, type ContentLine, parseChunkLine, parseContentLine } from './index-lines.ts';

/**
 * The packs without which the wanted contents of an index cannot be read: those of their chunks, and of the bases of
 * these. Without `isWanted` all that it names. Keeps a few bytes of each chunk, and no line.
 */
export function decodeIndexPacks(
  bytes: Uint8Array,
  expected: Sha256,
  isWanted?: (content: Sha256) => boolean,
): ReadonlySet<Sha256> {
  const what = `index ${expected}`;
  const hasher = new LineHasher();
  let reading: PackReading | undefined;
  for (const line of decompressLines(what, bytes)) {
    hasher.add(line);
    const value = parseJson(what, line);
    if (reading === undefined) reading = new PackReading(what, parseValue(what, indexHeaderSchema, value).packs);
    else if (isWanted !== undefined) reading.take(value, isWanted);
  }
  if (reading === undefined) throw new InvalidDocument(what, 'it is empty');
  if (hasher.digest() !== expected) throw new InvalidDocument(what, 'its digest differs');
  return isWanted === undefined ? new Set(reading.packs) : reading.needed();
}

class PackReading {
  readonly packs: readonly Sha256[];
  readonly #what: string;
  readonly #packOf: number[] = [];
  readonly #bases = new Map<number, readonly number[]>();
  readonly #isUsed: boolean[] = [];
  #listed = 0;

  constructor(what: string, packs: readonly Sha256[]) {
    this.#what = what;
    this.packs = packs;
  }

  take(line: unknown, isWanted: (content: Sha256) => boolean): void {
    if (Array.isArray(line) && line[0] === 'chunk') this.#takeChunk(parseChunkLine(this.#what, line));
    else this.#takeContent(parseContentLine(this.#what, line), isWanted);
  }

  needed(): Set<Sha256> {
    const needed = new Set<Sha256>();
    // A base stands before what needs it.
    for (let number = this.#packOf.length - 1; number >= 0; number--) {
      if (this.#isUsed[number] !== true) continue;
      for (const base of this.#bases.get(number) ?? []) this.#isUsed[base] = true;
      const pack = this.packs[this.#packOf[number] ?? -1];
      if (pack === undefined) throw new InvalidDocument(this.#what, 'a chunk names a pack that is not listed');
      needed.add(pack);
    }
    return needed;
  }

  #takeChunk([, , pack, , , , , ...bases]: ChunkLine): void {
    const number = this.#packOf.length;
    if (bases.some((base) => base >= number)) {
      throw new InvalidDocument(this.#what, 'a chunk has a base that does not stand before it');
    }
    this.#packOf.push(pack);
    this.#isUsed.push(false);
    if (bases.length > 0) this.#bases.set(number, bases);
  }

  #takeContent([, sha256, , ...runs]: ContentLine, isWanted: (content: Sha256) => boolean): void {
    if (!isWanted(sha256)) return;
    this.#listed += runs.reduce((sum, [, count]) => sum + count, 0);
    if (this.#listed > MAX_LISTED) throw new InvalidDocument(this.#what, 'its contents list too many chunks');
    for (const [first, count] of runs) {
      if (first + count > this.#packOf.length) {
        throw new InvalidDocument(this.#what, `content ${sha256} names a chunk that does not stand before it`);
      }
      this.#isUsed.fill(true, first, first + count);
    }
  }
}
