import { basesOf, type Chunk, type Recipe } from '#core/chunk-index.ts';
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
import type { WorkerPool } from './worker-pool.ts';

export interface FetchRequest {
  readonly store: ObjectStore;
  readonly workers: WorkerPool;
  /** Each into a file of its own, which is made, or completed where an interrupted run has begun it. */
  readonly files: readonly { readonly path: string; readonly recipe: Recipe }[];
  /** The object that says that everything is in the store; where it is gone, the source uploads anew what is missing. */
  readonly snapshotKey: string;
  /** A file for chunks that are only needed to decode others. */
  readonly scratch: string;
  /** Chunks that this server has. */
  readonly own: ReadonlyMap<Sha256, FilePiece>;
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
  const needs = findNeeds(request);
  const spare = findSpare(request, needs);
  const here = new Map(request.own);
  await keepStaged(request, { needs, spare, here });
  await copyOwn(request, needs, here);
  for (;;) {
    const left = leftOf({ needs, spare, here });
    if (left.length === 0) return;
    // Those that wait for a base come in the next round.
    const ready = left.filter(({ chunk }) => basesOf(chunk).every(({ sha256 }) => here.has(sha256)));
    const ranges = planRanges(ready, request.rangeBytes);
    await eachInParallel(ranges, PARALLEL, (range) => fetchRange(request, range, here));
    for (const { chunk, places } of ready) for (const place of places) here.set(chunk.sha256, pieceAt(chunk, place));
  }
}

/** What the bases take that only serve to decode others: those that neither the contents nor this server hold. */
export function scratchBytes(recipes: Iterable<Recipe>, own: ReadonlyMap<Sha256, FilePiece>): number {
  const files = [...recipes].map((recipe) => ({ path: '', recipe }));
  const bases = findSpare({ files, scratch: '' }, findNeeds({ files }));
  return [...bases.values()].reduce((sum, { chunk }) => sum + (own.has(chunk.sha256) ? 0 : chunk.size), 0);
}

interface Placement {
  readonly path: string;
  readonly position: number;
}

/** A chunk, and where it is still to be written. */
interface Need {
  readonly chunk: Chunk;
  readonly places: Placement[];
}

type Needs = ReadonlyMap<Sha256, Need>;

/** The chunks of the files, at every place where they belong. */
function findNeeds({ files }: Pick<FetchRequest, 'files'>): Needs {
  const needs = new Map<Sha256, Need>();
  for (const { path, recipe } of files) {
    let position = 0;
    for (const chunk of recipe.chunks) {
      const need = needs.get(chunk.sha256) ?? { chunk, places: [] };
      needs.set(chunk.sha256, need);
      need.places.push({ path, position });
      position += chunk.size;
    }
  }
  return needs;
}

/** Bases that are in none of the files. The same layout at every attempt, so that a restart finds what is there. */
function findSpare({ files, scratch }: Pick<FetchRequest, 'files' | 'scratch'>, needs: Needs): Needs {
  const bases = new Map<Sha256, Chunk>();
  const collect = (chunk: Chunk): void => {
    for (const base of basesOf(chunk)) {
      if (!needs.has(base.sha256)) bases.set(base.sha256, base);
      collect(base);
    }
  };
  for (const { recipe } of files) recipe.chunks.forEach(collect);
  let position = 0;
  const spare = new Map<Sha256, Need>();
  for (const chunk of [...bases.values()].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1))) {
    spare.set(chunk.sha256, { chunk, places: [{ path: scratch, position }] });
    position += chunk.size;
  }
  return spare;
}

interface Stock {
  readonly needs: Needs;
  readonly spare: Needs;
  /** What this server has by now, and where. */
  readonly here: Map<Sha256, FilePiece>;
}

/** What an interrupted run has written: found by its digest, so that no record of it can be wrong. */
async function keepStaged(request: FetchRequest, { here, needs, spare }: Stock): Promise<void> {
  const paths = [...request.files.map(({ path }) => path), request.scratch];
  const staged = new Set(paths.filter((path) => findEntry(path) !== undefined));
  if (staged.size === 0) return;
  const pieces = [...needs.values(), ...spare.values()].flatMap(({ chunk, places }) =>
    places.filter(({ path }) => staged.has(path)).map((place) => pieceAt(chunk, place)),
  );
  await eachInParallel(batches(pieces), PARALLEL, async (batch) => {
    const good = await request.workers.run('check', { pieces: batch }, { signal: request.signal });
    let written = 0;
    for (const [index, piece] of batch.entries()) {
      if (good[index] !== true) continue;
      here.set(piece.sha256, piece);
      const places = needs.get(piece.sha256)?.places ?? [];
      const done = places.findIndex(({ path, position }) => path === piece.path && position === piece.position);
      if (done === -1) continue;
      places.splice(done, 1);
      written += piece.size;
    }
    request.onProgress({ fetched: 0, written });
  });
}

async function copyOwn(request: FetchRequest, needs: Needs, here: Map<Sha256, FilePiece>): Promise<void> {
  const copies = [...needs.values()].flatMap(({ chunk, places }) => {
    const from = here.get(chunk.sha256);
    return from === undefined || places.length === 0 ? [] : [{ from, places, size: chunk.size }];
  });
  await eachInParallel(batches(copies), PARALLEL, async (chunks) => {
    const lost = await request.workers.run('copy', { chunks }, { signal: request.signal });
    for (const sha256 of lost) here.delete(sha256);
    const written = chunks.filter(({ from }) => here.has(from.sha256));
    request.onProgress({
      fetched: 0,
      written: written.reduce((sum, { places, size }) => sum + size * places.length, 0),
    });
  });
}

/** What has to come from the store, with the bases that it cannot be decoded without. */
function leftOf({ here, needs, spare }: Stock): Need[] {
  const left = new Map<Sha256, Need>();
  const add = (chunk: Chunk): void => {
    if (here.has(chunk.sha256) || left.has(chunk.sha256)) return;
    const need = needs.get(chunk.sha256) ?? spare.get(chunk.sha256);
    if (need !== undefined) left.set(chunk.sha256, need);
    basesOf(chunk).forEach(add);
  };
  for (const { chunk } of needs.values()) add(chunk);
  return [...left.values()];
}

async function fetchRange(
  { onProgress, signal, snapshotKey, store, workers }: FetchRequest,
  { length, offset, pack, wanted }: Range<Need>,
  here: ReadonlyMap<Sha256, FilePiece>,
): Promise<void> {
  signal.throwIfAborted();
  const damaged = (problem: string) => damagedObject(store, { key: keys.pack(pack), problem, snapshotKey });
  const stored = await store.getRange(keys.pack(pack), { offset, length }, { signal });
  if (stored === undefined) throw damaged('it is missing');
  const fetched = stored.length;
  const bytes = ownsMemory(stored) ? stored : new Uint8Array(stored);
  const chunks = wanted.map(({ chunk, places }) => ({
    at: chunk.offset - offset,
    encoding: chunk.encoding,
    length: chunk.length,
    sha256: chunk.sha256,
    size: chunk.size,
    bases: basesOf(chunk).flatMap(({ sha256 }) => here.get(sha256) ?? []),
    places,
  }));
  // Without the signal: what has been paid for is kept.
  const outcome = await workers.run('unpack', { bytes, chunks }, { transfer: [bytes.buffer] });
  switch (outcome.kind) {
    case 'written':
      onProgress({ fetched, written: wanted.reduce((sum, { chunk, places }) => sum + chunk.size * places.length, 0) });
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

function pieceAt({ sha256, size }: Chunk, { path, position }: Placement): FilePiece {
  return { path, position, sha256, size };
}

function* batches<T extends { readonly size: number }>(items: readonly T[]): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    batch.push(item);
    bytes += item.size;
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
