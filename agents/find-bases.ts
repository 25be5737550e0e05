import { type Chunk, depthOf, MAX_BASES, MAX_DEPTH, MAX_DICTIONARY_BYTES, type Recipe } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';

/**
 * Follows a new content along the former one of the same file: a chunk that is new stands where some old ones stood,
 * between the same neighbours. Given the chunks in order, in any portions.
 */
export class Predecessor {
  readonly #chunks: readonly PlacedChunk[];
  readonly #byDigest = new Map<Sha256, PlacedChunk[]>();
  /** Where in the old content the new one is believed to go on. */
  #position = 0;

  constructor({ chunks }: Recipe) {
    let start = 0;
    this.#chunks = chunks.map((chunk) => {
      const placed = { chunk, start, end: start + chunk.size };
      start = placed.end;
      return placed;
    });
    for (const placed of this.#chunks) {
      const same = this.#byDigest.get(placed.chunk.sha256);
      if (same === undefined) this.#byDigest.set(placed.chunk.sha256, [placed]);
      else same.push(placed);
    }
  }

  /** For each chunk the old ones that it is likely to resemble; none for a chunk that is among the old ones. */
  follow(chunks: readonly { readonly sha256: Sha256; readonly size: number }[]): Chunk[][] {
    const bases: Chunk[][] = [];
    for (let index = 0; index < chunks.length; ) {
      const chunk = chunks[index];
      if (chunk === undefined) break;
      const same = this.#find(chunk.sha256);
      if (same !== undefined) {
        this.#position = same.end;
        bases.push([]);
        index++;
        continue;
      }
      const gap = chunks.slice(
        index,
        endOfGap(chunks, index, (sha256) => this.#byDigest.has(sha256)),
      );
      const next = chunks[index + gap.length];
      bases.push(...this.#fill(gap, next === undefined ? undefined : this.#find(next.sha256)?.start));
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
    for (let index = this.#indexAt(Math.max(from, least)); index < this.#chunks.length; index++) {
      const placed = this.#chunks[index];
      if (placed === undefined || placed.start >= Math.min(to, most)) return;
      yield placed.chunk;
    }
  }

  /** The chunk that holds this position: a binary search. */
  #indexAt(position: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.end ?? 0) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Of equal ones the next from here on. */
  #find(sha256: Sha256): PlacedChunk | undefined {
    const same = this.#byDigest.get(sha256);
    return same?.find(({ start }) => start >= this.#position) ?? same?.at(-1);
  }
}

interface PlacedChunk {
  readonly chunk: Chunk;
  readonly start: number;
  readonly end: number;
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
