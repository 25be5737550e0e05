import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { encodeChunk } from '#agents/code-chunk.ts';
import { type FetchRequest, fetchContents, scratchBytes } from '#agents/fetch.ts';
import type { FilePiece } from '#agents/file-piece.ts';
import { createOnce } from '#agents/pack-writer.ts';
import type { Chunk, Recipe } from '#core/chunk-index.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { WORKERS } from './control.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const CHUNK_BYTES = 50_000;
const CHUNKS = 40;
const RANGE_BYTES = 2 * CHUNK_BYTES;

let folder: string;
let store: FallibleStore;

beforeEach(() => {
  folder = testFolder();
  store = new FallibleStore();
});

/** One pack with these chunks, each against the one of the old contents with its number, if there is one. */
async function pack(
  contents: readonly Uint8Array[],
  old: readonly Chunk[] = [],
  oldContents: readonly Uint8Array[] = [],
) {
  const encoded = contents.map((raw, index) => encodeChunk(raw, oldContents[index]));
  const bytes = Buffer.concat(encoded.map((one) => one.bytes));
  await createOnce(store, keys.pack(sha256(bytes)), bytes);
  let offset = 0;
  return encoded.map(({ bytes: { length }, encoding }, index): Chunk => {
    const raw = contents[index] ?? expect.unreachable();
    const place = { pack: sha256(bytes), offset, length, size: raw.length, sha256: sha256(raw) };
    offset += length;
    const base = old[index];
    return encoding === 'zstd-dict'
      ? { ...place, encoding, bases: base === undefined ? [] : [base] }
      : { ...place, encoding };
  });
}

function recipeOf(contents: readonly Uint8Array[], chunks: readonly Chunk[]): Recipe {
  const content = Buffer.concat(contents);
  return { sha256: sha256(content), size: content.length, chunks };
}

function pieces(count: number, label = ''): Buffer[] {
  return Array.from({ length: count }, (_, index) => noise(`${label}${index}`, CHUNK_BYTES));
}

async function fetch(recipe: Recipe, more: Partial<FetchRequest> = {}): Promise<{ fetched: number; written: number }> {
  const sum = { fetched: 0, written: 0 };
  await fetchContents({
    store,
    workers: WORKERS,
    files: [{ path: join(folder, 'file'), recipe }],
    snapshotKey: 'snapshots/x',
    scratch: join(folder, 'bases'),
    own: new Map(),
    rangeBytes: () => RANGE_BYTES,
    signal: new AbortController().signal,
    onProgress: ({ fetched, written }) => {
      sum.fetched += fetched;
      sum.written += written;
    },
    ...more,
  });
  return sum;
}

describe('fetching', () => {
  it('takes up where an interrupted run stopped, at the cost of no more than what was on its way', async () => {
    const contents = pieces(CHUNKS);
    const recipe = recipeOf(contents, await pack(contents));
    store.callsLeft = 12;
    await expect(fetch(recipe)).rejects.toThrow('cut off');
    store.callsLeft = Number.POSITIVE_INFINITY;
    const { fetched, written } = await fetch(recipe);
    expect(readFileSync(join(folder, 'file')).equals(Buffer.concat(contents))).toBe(true);
    expect(written).toBe(recipe.size);
    expect(fetched).toBe(recipe.size - 12 * RANGE_BYTES);
    expect(await fetch(recipe)).toEqual({ fetched: 0, written: recipe.size });
  });

  it('takes nothing on trust that an interrupted run has left', async () => {
    const contents = pieces(4);
    const recipe = recipeOf(contents, await pack(contents));
    const staged = Buffer.concat(contents);
    staged[CHUNK_BYTES + 1] = (staged[CHUNK_BYTES + 1] ?? 0) ^ 1;
    writeFileSync(join(folder, 'file'), staged);
    expect((await fetch(recipe)).fetched).toBe(CHUNK_BYTES);
    expect(readFileSync(join(folder, 'file')).equals(Buffer.concat(contents))).toBe(true);
  });

  it('brings bases first that nothing here holds, and not again after an interruption', async () => {
    const old = pieces(CHUNKS, 'old ');
    const bases = await pack(old);
    const contents = old.map((bytes) => Buffer.concat([bytes, Buffer.from('new')]));
    const recipe = recipeOf(contents, await pack(contents, bases, old));
    expect([...recipe.chunks].every(({ encoding }) => encoding === 'zstd-dict')).toBe(true);
    store.callsLeft = 5;
    await expect(fetch(recipe)).rejects.toThrow('cut off');
    store.callsLeft = Number.POSITIVE_INFINITY;
    const { fetched } = await fetch(recipe);
    expect(fetched).toBeLessThan((CHUNKS - 10) * CHUNK_BYTES + CHUNKS * 100);
    expect(readFileSync(join(folder, 'file')).equals(Buffer.concat(contents))).toBe(true);
  });

  it('needs space for bases that neither the content nor this server holds', async () => {
    const old = pieces(3, 'old ');
    const bases = await pack(old);
    const contents = old.map((bytes) => Buffer.concat([bytes, Buffer.from('new')]));
    const deltas = await pack(contents, bases, old);
    const [kept = expect.unreachable()] = bases;
    const recipe = recipeOf([...contents, old[0] ?? expect.unreachable()], [...deltas, kept]);
    expect(scratchBytes([recipe], new Map())).toBe(2 * CHUNK_BYTES);
    expect(scratchBytes([recipe], ownFile(old))).toBe(0);
  });

  it('takes from its own files what they hold, for the content as for decoding it', async () => {
    const old = pieces(3, 'old ');
    const bases = await pack(old);
    const contents = [
      old[0] ?? expect.unreachable(),
      Buffer.concat([old[1] ?? expect.unreachable(), Buffer.from('new')]),
    ];
    const [kept = expect.unreachable()] = bases;
    const [delta = expect.unreachable()] = await pack(contents.slice(1), bases.slice(1), old.slice(1));
    const { fetched } = await fetch(recipeOf(contents, [kept, delta]), { own: ownFile(old) });
    expect(fetched).toBe(delta.length);
    expect(readFileSync(join(folder, 'file')).equals(Buffer.concat(contents))).toBe(true);
  });

  it('fetches what an own file no longer holds when it is copied', async () => {
    const contents = pieces(3);
    const recipe = recipeOf(contents, await pack(contents));
    const own = ownFile(contents);
    writeFileSync(join(folder, 'own'), 'changed meanwhile');
    expect((await fetch(recipe, { own })).fetched).toBe(recipe.size);
  });

  it('stops when an own file no longer holds what a delta needs', async () => {
    const old = pieces(1, 'old ');
    const contents = old.map((bytes) => Buffer.concat([bytes, Buffer.from('new')]));
    const recipe = recipeOf(contents, await pack(contents, await pack(old), old));
    const own = ownFile(old);
    writeFileSync(join(folder, 'own'), 'changed meanwhile');
    const refusal = await fetch(recipe, { own }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(OrderRefused);
    expect(refusal).toMatchObject({ reason: 'STALE_PLAN', message: expect.stringContaining('own') });
  });

  it('writes a chunk to every place where it belongs, and fetches it once', async () => {
    const [one = expect.unreachable(), two = expect.unreachable()] = pieces(2);
    const chunks = await pack([one, two]);
    const [first = expect.unreachable(), second = expect.unreachable()] = chunks;
    const recipe = recipeOf([one, two, one, one], [first, second, first, first]);
    expect((await fetch(recipe)).fetched).toBe(2 * CHUNK_BYTES);
    expect(readFileSync(join(folder, 'file')).equals(Buffer.concat([one, two, one, one]))).toBe(true);
  });

  it('asks for neighbours with one call and for no more at once than allowed', async () => {
    const contents = pieces(CHUNKS);
    const recipe = recipeOf(contents, await pack(contents));
    await fetch(recipe);
    expect(store.ranges).toHaveLength(CHUNKS / 2);
    expect(Math.max(...store.ranges)).toBe(RANGE_BYTES);
  });
});

/** A file of this server with these chunks. */
function ownFile(contents: readonly Uint8Array[]): Map<Sha256, FilePiece> {
  const path = join(folder, 'own');
  writeFileSync(path, Buffer.concat(contents));
  return new Map(
    contents.map((bytes, index) => [
      sha256(bytes),
      { path, position: index * CHUNK_BYTES, size: bytes.length, sha256: sha256(bytes) },
    ]),
  );
}

class FallibleStore extends MemoryStore {
  readonly ranges: number[] = [];
  callsLeft = Number.POSITIVE_INFINITY;

  override getRange(...call: Parameters<MemoryStore['getRange']>): ReturnType<MemoryStore['getRange']> {
    if (this.callsLeft-- <= 0) return Promise.reject(new Error('cut off'));
    this.ranges.push(call[1].length);
    return super.getRange(...call);
  }
}
