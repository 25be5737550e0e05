import type { Chunk } from '#core/chunk-index.ts';
import { OrderRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { planRanges, type Range } from '#core/plan-ranges.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { damagedObject } from './damaged-object.ts';
import type { FilePiece } from './file-piece.ts';
import { findThere } from './find-entry.ts';
import { Flushing } from './flushing.ts';
import { inBatches } from './in-batches.ts';
import { eachInParallel } from './in-parallel.ts';
import { ownsMemory } from './owns-memory.ts';
import { seed } from './seed.ts';
import { type Placement, type Wanted, WantedChunks } from './wanted-chunks.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface FetchRequest extends Wanted {
  readonly store: ObjectStore;
  readonly workers: WorkerPool;
  /** Absolute: large files of this server that are likely to hold some of the chunks. */
  readonly seeds: readonly string[];
  /** Throws where there is no space for so many bytes in the scratch file; asked once it is known what must be fetched. */
  readonly assertSpaceFor: (scratchBytes: number) => Promise<void>;
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
 * the store does not hold what the snapshot says, STALE_PLAN when a file of this server changed meanwhile. Answers with
 * the paths of files that were dressed when they were written.
 */
export async function fetchContents(request: FetchRequest): Promise<ReadonlySet<string>> {
  const chunks = new WantedChunks(request);
  await keepStaged(request, chunks);
  const flushing = new Flushing();
  const dressed = new Set<string>();
  try {
    await seed(request, chunks, flushing);
    await copyOwn(request, chunks);
    await request.assertSpaceFor(chunks.scratchBytes);
    await fetchLacking(request, chunks, dressed);
  } finally {
    await flushing.settled();
  }
  flushing.assertWell();
  return dressed;
}

async function fetchLacking(request: FetchRequest, chunks: WantedChunks, dressed: Set<string>): Promise<void> {
  for (;;) {
    const left = leftOf(chunks);
    if (left.length === 0) return;
    // Those that wait for a base come in the next round.
    const ready = left.filter((chunk) => chunks.basesOf(chunk).every((base) => chunks.isHere(base)));
    await eachInParallel(rangesOf(chunks, ready, request.rangeBytes), PARALLEL, async (range) => {
      for (const path of await fetchRange(request, range, chunks)) dressed.add(path);
    });
    for (const chunk of ready) chunks.written(chunk);
  }
}

/** What an interrupted run has written: found by its digest, so that no record of it can be wrong. */
async function keepStaged(request: FetchRequest, chunks: WantedChunks): Promise<void> {
  const paths = [...request.files.map(({ path }) => path), request.scratch];
  const staged = findThere(paths);
  if (staged.size === 0) return;
  const pieces = chunks.pieces((path) => staged.has(path));
  await eachInParallel(inBatches(pieces, { ...BATCH, sizeOf: ({ piece }) => piece.size }), PARALLEL, async (batch) => {
    const input = { pieces: batch.map(({ piece }) => piece) };
    const good = await request.workers.run('check', input, { signal: request.signal });
    const found = batch.filter((_, index) => good[index] === true);
    for (const one of found) chunks.found(one);
    const written = found.filter(({ chunk }) => !chunks.isSpare(chunk));
    request.onProgress({ fetched: 0, written: written.reduce((sum, { piece }) => sum + piece.size, 0) });
  });
}

async function copyOwn(request: FetchRequest, chunks: WantedChunks): Promise<void> {
  await eachInParallel(
    inBatches(ownChunks(chunks), { ...BATCH, sizeOf: ({ from }) => from.size }),
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

/** Answers with the paths of files that were dressed when they were written. */
async function fetchRange(request: FetchRequest, range: Range<ReadyChunk>, chunks: WantedChunks): Promise<string[]> {
  const { onProgress, snapshotKey, store } = request;
  const damaged = (problem: string) => damagedObject(store, { key: keys.pack(range.pack), problem, snapshotKey });
  let unpacked = await unpackRange(request, range, chunks);
  // No checksum comes with a range: what was bent on its way is right the second time.
  if (unpacked?.outcome.kind === 'damaged') unpacked = await unpackRange(request, range, chunks);
  if (unpacked === undefined) throw damaged('it is missing');
  const { dressed, fetched, outcome, written } = unpacked;
  switch (outcome.kind) {
    case 'written':
      onProgress({ fetched, written });
      return dressed;
    case 'damaged':
      throw damaged(outcome.problem);
    case 'changed':
      throw new OrderRefused(
        'STALE_PLAN',
        `${JSON.stringify(outcome.path)} has changed while the new files were fetched; start a new sync`,
      );
  }
}

/** `undefined` when there is no such pack. */
async function unpackRange(
  { signal, store, workers }: FetchRequest,
  { length, offset, pack, wanted }: Range<ReadyChunk>,
  chunks: WantedChunks,
) {
  signal.throwIfAborted();
  const stored = await store.getRange(keys.pack(pack), { offset, length }, { signal });
  if (stored === undefined) return undefined;
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
  const written = placed.reduce((sum, { places, size }) => sum + size * places.length, 0);
  // Without the signal: what has been paid for is kept.
  const outcome = await workers.run('unpack', { bytes, chunks: placed }, { transfer: [bytes.buffer] });
  const dressed = placed.flatMap(({ places }) =>
    places.flatMap((place) => (place.dress === undefined ? [] : place.path)),
  );
  return { dressed, fetched, outcome, written };
}

const PARALLEL = 4;
const BATCH = { bytes: 16 * 1024 * 1024, items: 1024 };
