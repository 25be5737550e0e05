import {
  type Chunk,
  depthOf,
  type ListedRecipe,
  MAX_BASES,
  MAX_DEPTH,
  MAX_DICTIONARY_BYTES,
} from '#core/chunk-index.ts';
import type { ChunkTable } from '#core/chunk-table.ts';
import type { Sha256 } from '#core/digest.ts';

/**
 * Follows a new content along the former one of the same file: a chunk that is new stands where some old ones stood,
 * between the same neighbours. Given the chunks in order, in any portions.
 */
export class Predecessor {
  readonly #table: ChunkTable;
  /** Of the old chunks, in their order. */
  readonly #numbers: Uint32Array;
  /** Where they begin, and at last where the content ends. */
  readonly #starts: Float64Array;
  /** Their places in that order, sorted by number. */
  readonly #byNumber: Uint32Array;
  /** Where in the old content the new one is believed to go on. */
  #position = 0;

  constructor({ chunks }: ListedRecipe) {
    this.#table = chunks.table;
    const numbers = Uint32Array.from(chunks.numbers());
    this.#numbers = numbers;
    this.#starts = new Float64Array(numbers.length + 1);
    for (const [place, number] of numbers.entries()) {
      this.#starts[place + 1] = this.#startOf(place) + this.#table.sizeOf(number);
    }
    const numberAt = (place: number) => numbers[place] ?? 0;
    this.#byNumber = Uint32Array.from(numbers.keys()).sort((a, b) => numberAt(a) - numberAt(b) || a - b);
  }

  /** For each chunk the old ones that it is likely to resemble; none for a chunk that is among the old ones. */
  follow(chunks: readonly { readonly sha256: Sha256; readonly size: number }[]): Chunk[][] {
    const bases: Chunk[][] = [];
    for (let index = 0; index < chunks.length; ) {
      const chunk = chunks[index];
      if (chunk === undefined) break;
      const same = this.#find(chunk.sha256);
      if (same !== undefined) {
        this.#position = this.#startOf(same + 1);
        bases.push([]);
        index++;
        continue;
      }
      const gap = chunks.slice(
        index,
        endOfGap(chunks, index, (sha256) => this.#find(sha256) !== undefined),
      );
      const next = chunks[index + gap.length];
      const place = next && this.#find(next.sha256);
      bases.push(...this.#fill(gap, place === undefined ? undefined : this.#startOf(place)));
      index += gap.length;
    }
    return bases;
  }

  /** Counted from the last chunk that both have, and from the next one back, for bytes may have been put in or taken out. */
  #fill(gap: readonly { readonly size: number }[], oldEnd: number | undefined): Chunk[][] {
    const total = gap.reduce((sum, { size }) => sum + size, 0);
    const oldStart = this.#position;
    const limit = oldEnd !== undefined && oldEnd >= oldStart ? oldEnd : oldStart + total;
    const shift = limit - oldStart - total;
    let from = oldStart;
    const bases = gap.map(({ size }) => {
      const within = { least: oldStart, most: limit };
      const fromLeft = [...this.#between(from, from + size, within)];
      const fromRight = [...this.#between(from + shift, from + shift + size, within)];
      from += size;
      return fit([...fromLeft, ...fromRight]);
    });
    this.#position = oldStart + total;
    return bases;
  }

  *#between(
    from: number,
    to: number,
    { least, most }: { readonly least: number; readonly most: number },
  ): Generator<Chunk> {
    for (let place = this.#placeAt(Math.max(from, least)); place < this.#numbers.length; place++) {
      if (this.#startOf(place) >= Math.min(to, most)) return;
      yield this.#table.at(this.#numbers[place] ?? 0);
    }
  }

  /** The chunk that holds this position. */
  #placeAt(position: number): number {
    return lowest(this.#numbers.length, (place) => this.#startOf(place + 1) > position);
  }

  /** Of equal ones the next from here on. */
  #find(sha256: Sha256): number | undefined {
    const number = this.#table.find(sha256);
    if (number === undefined) return undefined;
    const numberAt = (index: number) => this.#numbers[this.#byNumber[index] ?? 0] ?? 0;
    let found: number | undefined;
    const first = lowest(this.#byNumber.length, (index) => numberAt(index) >= number);
    for (let index = first; index < this.#byNumber.length && numberAt(index) === number; index++) {
      found = this.#byNumber[index] ?? 0;
      if (this.#startOf(found) >= this.#position) return found;
    }
    return found;
  }

  #startOf(place: number): number {
    return this.#starts[place] ?? 0;
  }
}

/** The first number for which that is so, as it is for all after it; the end if there is none. */
function lowest(end: number, isSo: (number: number) => boolean): number {
  let [low, high] = [0, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function endOfGap(
  chunks: readonly { readonly sha256: Sha256 }[],
  from: number,
  isOld: (sha256: Sha256) => boolean,
): number {
  const end = chunks.findIndex(({ sha256 }, index) => index >= from && isOld(sha256));
  return end === -1 ? chunks.length : end;
}

/** Once each, no deeper than allowed: what is deep enough already is replaced by what it was made from. */
function fit(found: readonly Chunk[]): Chunk[] {
  const shallow = found.flatMap((chunk) =>
    chunk.encoding === 'zstd-dict' && depthOf(chunk) >= MAX_DEPTH ? chunk.bases : [chunk],
  );
  const bases: Chunk[] = [];
  let bytes = 0;
  for (const chunk of new Map(shallow.map((one) => [one.sha256, one])).values()) {
    bytes += chunk.size;
    if (bases.length === MAX_BASES || bytes > MAX_DICTIONARY_BYTES) break;
    bases.push(chunk);
  }
  return bases;
}
