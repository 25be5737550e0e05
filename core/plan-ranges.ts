import type { Chunk } from './chunk-index.ts';
import type { Sha256 } from './digest.ts';

/** A piece of a pack, to be fetched with one call. */
export interface Range<T> {
  readonly pack: Sha256;
  readonly offset: number;
  readonly length: number;
  readonly wanted: readonly T[];
}

/** Neighbours in a pack come with one call, of up to `longest()` bytes, which is asked anew for each. */
export function* planRanges<T extends { readonly chunk: Chunk }>(
  wanted: Iterable<T>,
  longest: () => number,
): Generator<Range<T>, void, undefined> {
  for (const [pack, inPack] of byPack(wanted)) {
    let open: T[] = [];
    let start = 0;
    let end = 0;
    let limit = 0;
    for (const one of inPack.sort((a, b) => a.chunk.offset - b.chunk.offset)) {
      const { length, offset } = one.chunk;
      const isNear = open.length > 0 && offset - end <= GAP_BYTES && offset + length - start <= limit;
      if (!isNear) {
        if (open.length > 0) yield { pack, offset: start, length: end - start, wanted: open };
        open = [];
        start = offset;
        end = offset;
        limit = longest();
      }
      open.push(one);
      end = Math.max(end, offset + length);
    }
    if (open.length > 0) yield { pack, offset: start, length: end - start, wanted: open };
  }
}

function byPack<T extends { readonly chunk: Chunk }>(wanted: Iterable<T>): Map<Sha256, T[]> {
  const packs = new Map<Sha256, T[]>();
  for (const one of wanted) {
    const inPack = packs.get(one.chunk.pack);
    if (inPack === undefined) packs.set(one.chunk.pack, [one]);
    else inPack.push(one);
  }
  return packs;
}

/** Of what is fetched with one call where no rate is set. */
export const LONGEST_RANGE = 2 * 1024 * 1024;

/** Fetching a gap costs less than another call. */
const GAP_BYTES = 32 * 1024;
