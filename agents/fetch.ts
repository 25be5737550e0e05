import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Chunk, Recipe } from '#core/snapshot.ts';
import { ownsMemory } from './free-bytes.ts';
import { eachInParallel } from './in-parallel.ts';
import type { PlacedChunk } from './unpack-chunks.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface FetchRequest {
  readonly store: ObjectStore;
  readonly workers: WorkerPool;
  /** Each into a file of its own, which is made. */
  readonly files: readonly { readonly path: string; readonly recipe: Recipe }[];
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: { readonly fetched: number; readonly written: number }) => void;
}

/**
 * Writes content from the packs: each chunk is fetched once, neighbours with one call, and verified before it is
 * written. Throws OrderRefused UNREADABLE when the store does not hold what the snapshot says.
 */
export async function fetchContents(request: FetchRequest): Promise<void> {
  const { onProgress, signal, store, workers } = request;
  await eachInParallel(findRanges(request.files), PARALLEL, async ({ pack, offset, length, chunks }) => {
    signal.throwIfAborted();
    const stored = await store.getRange(keys.pack(pack), { offset, length }, { signal });
    if (stored === undefined) throw damaged(pack, 'it is missing');
    const fetched = stored.length;
    const bytes = ownsMemory(stored) ? stored : new Uint8Array(stored);
    const outcome = await workers.run('unpack', { bytes, chunks }, { signal, transfer: [bytes.buffer] });
    if (outcome.kind === 'damaged') throw damaged(pack, outcome.problem);
    onProgress({ fetched, written: chunks.reduce((sum, { places, size }) => sum + size * places.length, 0) });
  });
}

interface Range {
  readonly pack: Sha256;
  readonly offset: number;
  readonly length: number;
  readonly chunks: readonly PlacedChunk[];
}

function* findRanges(files: FetchRequest['files']): Generator<Range> {
  for (const [pack, wanted] of findWanted(files)) {
    const sorted = [...wanted.values()].sort((a, b) => a.chunk.offset - b.chunk.offset);
    let open: Wanted[] = [];
    let end = 0;
    for (const one of sorted) {
      const [first] = open;
      const reach = one.chunk.offset + one.chunk.length;
      const isNear =
        first !== undefined && one.chunk.offset - end <= GAP_BYTES && reach - first.chunk.offset <= RANGE_BYTES;
      if (!isNear && open.length > 0) {
        yield toRange(pack, open);
        open = [];
      }
      end = open.length === 0 ? reach : Math.max(end, reach);
      open.push(one);
    }
    if (open.length > 0) yield toRange(pack, open);
  }
}

interface Wanted {
  readonly chunk: Chunk;
  readonly places: { readonly path: string; readonly position: number }[];
}

/** By pack, then by where a chunk lies in it. */
function findWanted(files: FetchRequest['files']): Map<Sha256, Map<string, Wanted>> {
  const packs = new Map<Sha256, Map<string, Wanted>>();
  for (const { path, recipe } of files) {
    let position = 0;
    for (const chunk of recipe.chunks) {
      const pack = packs.get(chunk.pack) ?? new Map<string, Wanted>();
      packs.set(chunk.pack, pack);
      const key = `${chunk.offset} ${chunk.length} ${chunk.sha256}`;
      const wanted = pack.get(key) ?? { chunk, places: [] };
      pack.set(key, wanted);
      wanted.places.push({ path, position });
      position += chunk.size;
    }
  }
  return packs;
}

function toRange(pack: Sha256, wanted: readonly Wanted[]): Range {
  const offset = wanted[0]?.chunk.offset ?? 0;
  const end = Math.max(...wanted.map(({ chunk }) => chunk.offset + chunk.length));
  const chunks = wanted.map(({ chunk: { encoding, length, offset: start, sha256, size }, places }) => ({
    at: start - offset,
    encoding,
    length,
    places,
    sha256,
    size,
  }));
  return { pack, offset, length: end - offset, chunks };
}

function damaged(pack: Sha256, problem: string): OrderRefused {
  return new OrderRefused(
    'UNREADABLE',
    `the store's object ${keys.pack(pack)} is damaged: ${problem}; remove it from the store, then start a new sync`,
  );
}

const PARALLEL = 4;
const RANGE_BYTES = 8 * 1024 * 1024;
/** Fetching a gap costs less than another call. */
const GAP_BYTES = 32 * 1024;
