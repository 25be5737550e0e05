import type { Chunk } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';
import { planRanges } from '#core/plan-ranges.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { KeptChunk } from './kept-chunk.ts';
import type { PackCache } from './pack-cache.ts';

/**
 * The old bytes that new ones are compressed against: out of the cache, or a limited number of times from the store,
 * which costs one fetch of what it saves in the upload and again at every destination.
 */
export class BaseSupply {
  /** Packs of the cache that were of use. */
  readonly used = new Set<Sha256>();
  readonly #store: ObjectStore;
  readonly #cache: PackCache;
  readonly #signal: AbortSignal | undefined;
  #callsLeft = CALLS;

  constructor(store: ObjectStore, cache: PackCache, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#cache = cache;
    this.#signal = signal;
  }

  /** For each list those that are at hand, with all that they are made from. */
  async provide(wanted: readonly (readonly Chunk[])[]): Promise<KeptChunk[][]> {
    const fetched = await this.#fetch(wanted.flat().flatMap(withBases));
    const keep = (chunk: Chunk): KeptChunk[] => {
      const at = this.#find(chunk) ?? fetched.get(chunk.sha256);
      const bases = chunk.encoding === 'zstd-dict' ? chunk.bases.map(keep) : [];
      if (at === undefined || bases.some((base) => base.length === 0)) return [];
      return [{ chunk, at, bases: bases.flat() }];
    };
    return wanted.map((chunks) => chunks.flatMap(keep));
  }

  #find({ offset, pack }: Chunk): KeptChunk['at'] | undefined {
    const path = this.#cache.pathOf(pack);
    if (path === undefined) return undefined;
    this.used.add(pack);
    return { path, offset };
  }

  async #fetch(chunks: readonly Chunk[]): Promise<Map<Sha256, KeptChunk['at']>> {
    const lacking = chunks.filter((chunk) => this.#cache.pathOf(chunk.pack) === undefined).map((chunk) => ({ chunk }));
    const fetched = new Map<Sha256, KeptChunk['at']>();
    const distinct = new Map(lacking.map((one) => [one.chunk.sha256, one])).values();
    for (const { length, offset, pack, wanted } of planRanges(distinct, () => RANGE_BYTES)) {
      if (this.#callsLeft-- <= 0) break;
      const options = this.#signal === undefined ? {} : { signal: this.#signal };
      const bytes = await this.#store.getRange(keys.pack(pack), { offset, length }, options);
      for (const { chunk } of wanted) {
        const start = chunk.offset - offset;
        if (bytes !== undefined) fetched.set(chunk.sha256, { bytes: bytes.slice(start, start + chunk.length) });
      }
    }
    return fetched;
  }
}

function withBases(chunk: Chunk): Chunk[] {
  return chunk.encoding === 'zstd-dict' ? [chunk, ...chunk.bases.flatMap(withBases)] : [chunk];
}

const CALLS = 64;
const RANGE_BYTES = 4 * 1024 * 1024;
