import type { Chunk, Recipe } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { planRanges, type Range } from '#core/plan-ranges.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { damagedObject } from './damaged-object.ts';
import type { FilePiece } from './file-piece.ts';
import { findEntry } from './find-entry.ts';
import { eachInParallel } from './in-parallel.ts';
import { ownsMemory } from './owns-memory.ts';
import { type Placement, type Wanted, WantedChunks } from './wanted-chunks.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface FetchRequest extends Wanted {
  readonly store: ObjectStore;
  readonly workers: WorkerPool;
  /** The object that says that everything is in the store; where it is gone, the source uploads anew what is missing. */
  readonly snapshotKey: string;
  /** Of a range that is fetched with one call, at most; asked anew for each. */
  readonly rangeBytes: () => number;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: { readonly fetched: number; readonly written: number }) => void;
}

/**
 * Writes content: what is staged already stays, what this server has is copied, and the rest is fetched, each chunk
 * once and neighbours with one call. Every chunk is verified before it is written. Throws OrderRefused: UNREADABLE when
 * the store does not hold what the snapshot says, STALE_PLAN when a file of this server changed meanwhile.
 */
export async function fetchContents(request: FetchRequest): Promise<void> {
  const chunks = new WantedChunks(request);
  await keepStaged(request, chunks);
  await copyOwn(request, chunks);
  for (;;) {
    const left = leftOf(chunks);
    if (left.length === 0) return;
    // Those that wait for a base come in the next round.
    const ready = left.filter((chunk) => chunks.basesOf(chunk).every((base) => chunks.isHere(base)));
    await eachInParallel(rangesOf(chunks, ready, request.rangeBytes), PARALLEL, (range) =>
      fetchRange(request, range, chunks),
    );
    for (const chunk of ready) chunks.written(chunk);
  }
}

/** What the bases take that only serve to decode others: those that neither the contents nor this server hold. */
export function scratchBytes(recipes: Iterable<Recipe>, own: ReadonlyMap<Sha256, FilePiece>): number {
  const files = [...recipes].map((recipe) => ({ path: '', recipe }));
  const chunks = new WantedChunks({ files, own, scratch: '' });
  let bytes = 0;
  for (let chunk = 0; chunk < chunks.size; chunk++) {
    if (chunks.isSpare(chunk) && !chunks.isHere(chunk)) bytes += chunks.sizeOf(chunk);
  }
  return bytes;
}

/** What an interrupted run has written: found by its digest, so that no record of it can be wrong. */
async function keepStaged(request: FetchRequest, chunks: WantedChunks): Promise<void> {
  const paths = [...request.files.map(({ path }) => path), request.scratch];
  const staged = new Set(paths.filter((path) => findEntry(path) !== undefined));
  if (staged.size === 0) return;
  const pieces = chunks.pieces((path) => staged.has(path));
  await eachInParallel(
    batches(pieces, ({ piece }) => piece.size),
    PARALLEL,
    async (batch) => {
      const input = { pieces: batch.map(({ piece }) => piece) };
      const good = await request.workers.run('check', input, { signal: request.signal });
      const found = batch.filter((_, index) => good[index] === true);
      for (const one of found) chunks.found(one);
      const written = found.filter(({ chunk }) => !chunks.isSpare(chunk));
      request.onProgress({ fetched: 0, written: written.reduce((sum, { piece }) => sum + piece.size, 0) });
    },
  );
}

async function copyOwn(request: FetchRequest, chunks: WantedChunks): Promise<void> {
  await eachInParallel(
    batches(ownChunks(chunks), ({ from }) => from.size),
    PARALLEL,
    async (batch) => {
      const input = { chunks: batch.map(({ from, places }) => ({ from, places })) };
      const lost = new Set(await request.workers.run('copy', input, { signal: request.signal }));
      let written = 0;
      for (const { chunk, from, places } of batch) {
        if (lost.has(from.sha256)) chunks.lost(chunk);
        else written += from.size * places.length;
      }
      request.onProgress({ fetched: 0, written });
    },
  );
}

interface OwnChunk {
  readonly chunk: number;
  readonly from: FilePiece;
  readonly places: readonly Placement[];
}

function* ownChunks(chunks: WantedChunks): Generator<OwnChunk> {
  for (let chunk = 0; chunk < chunks.size; chunk++) {
    const from = chunks.isSpare(chunk) ? undefined : chunks.pieceOf(chunk);
    const places = from === undefined ? [] : chunks.placesOf(chunk);
    if (from !== undefined && places.length > 0) yield { chunk, from, places };
  }
}

/** What has to come from the store, with the bases that it cannot be decoded without. */
function leftOf(chunks: WantedChunks): number[] {
  const isListed = new Uint8Array(chunks.size);
  const left: number[] = [];
  const add = (chunk: number): void => {
    if (chunks.isHere(chunk) || isListed[chunk] === 1) return;
    isListed[chunk] = 1;
    left.push(chunk);
    chunks.basesOf(chunk).forEach(add);
  };
  for (let chunk = 0; chunk < chunks.size; chunk++) if (!chunks.isSpare(chunk)) add(chunk);
  return left;
}

/** One pack after the other, so that no more than the chunks of a few are there as objects. */
function* rangesOf(
  chunks: WantedChunks,
  ready: readonly number[],
  longest: () => number,
): Generator<Range<ReadyChunk>, void, undefined> {
  for (const inPack of Map.groupBy(ready, (chunk) => chunks.packOf(chunk)).values()) {
    const wanted = inPack.map((number) => ({ number, chunk: chunks.at(number) }));
    yield* planRanges(wanted, longest);
  }
}

interface ReadyChunk {
  readonly number: number;
  readonly chunk: Chunk;
}

async function fetchRange(
  { onProgress, signal, snapshotKey, store, workers }: FetchRequest,
  { length, offset, pack, wanted }: Range<ReadyChunk>,
  chunks: WantedChunks,
): Promise<void> {
  signal.throwIfAborted();
  const damaged = (problem: string) => damagedObject(store, { key: keys.pack(pack), problem, snapshotKey });
  const stored = await store.getRange(keys.pack(pack), { offset, length }, { signal });
  if (stored === undefined) throw damaged('it is missing');
  const fetched = stored.length;
  const bytes = ownsMemory(stored) ? stored : new Uint8Array(stored);
  const placed = wanted.map(({ chunk, number }) => ({
    at: chunk.offset - offset,
    encoding: chunk.encoding,
    length: chunk.length,
    sha256: chunk.sha256,
    size: chunk.size,
    bases: chunks.basesOf(number).flatMap((base) => chunks.pieceOf(base) ?? []),
    places: chunks.placesOf(number),
  }));
  // Without the signal: what has been paid for is kept.
  const outcome = await workers.run('unpack', { bytes, chunks: placed }, { transfer: [bytes.buffer] });
  switch (outcome.kind) {
    case 'written':
      onProgress({ fetched, written: placed.reduce((sum, { places, size }) => sum + size * places.length, 0) });
      return;
    case 'damaged':
      throw damaged(outcome.problem);
    case 'changed':
      throw new OrderRefused(
        'STALE_PLAN',
        `${JSON.stringify(outcome.path)} has changed while the new files were fetched; start a new sync`,
      );
  }
}

function* batches<T>(items: Iterable<T>, sizeOf: (item: T) => number): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    batch.push(item);
    bytes += sizeOf(item);
    if (bytes < BATCH_BYTES && batch.length < BATCH_ITEMS) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

const PARALLEL = 4;
const BATCH_BYTES = 16 * 1024 * 1024;
const BATCH_ITEMS = 1024;
