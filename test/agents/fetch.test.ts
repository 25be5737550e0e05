import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { encodeChunk } from '#agents/code-chunk.ts';
import { createCuttingBlock } from '#agents/cutter.ts';
import { type FetchRequest, fetchContents } from '#agents/fetch.ts';
import type { FilePiece } from '#agents/file-piece.ts';
import { cutSizesOf } from '#agents/gear.ts';
import { createOnce } from '#agents/pack-writer.ts';
import type { Chunk, Recipe } from '#core/chunk-index.ts';
import { LONGEST_CHUNK } from '#core/chunk-sizes.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { WORKERS } from './control.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const CHUNK_BYTES = 50_000;
const CHUNKS = 40;
const RANGE_BYTES = 2 * CHUNK_BYTES;
const MTIME = 1_600_000_000_123;

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

function request(): Omit<FetchRequest, 'files'> {
  return {
    store,
    workers: WORKERS,
    snapshotKey: 'snapshots/x',
    scratch: join(folder, 'bases'),
    own: new Map(),
    seeds: [],
    assertSpaceFor: async () => undefined,
    rangeBytes: () => RANGE_BYTES,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
}

async function fetch(recipe: Recipe, more: Partial<FetchRequest> = {}): Promise<{ fetched: number; written: number }> {
  const sum = { fetched: 0, written: 0 };
  await fetchContents({
    ...request(),
    files: [{ path: join(folder, 'file'), recipe }],
    onProgress: ({ fetched, written }) => {
      sum.fetched += fetched;
      sum.written += written;
    },
    ...more,
  });
  return sum;
}

/** Paths of files that need no sealing. */
function dressed(path: string, recipe: Recipe): Promise<ReadonlySet<string>> {
  return fetchContents({ ...request(), files: [{ path, recipe, dress: { mode: 0o640, mtime: MTIME } }] });
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
    const asked: number[] = [];
    const refuse = {
      assertSpaceFor: (bytes: number) => Promise.reject(new Error(`no space for ${asked.push(bytes)}`)),
    };
    await expect(fetch(recipe, refuse)).rejects.toThrow('no space');
    await expect(fetch(recipe, { ...refuse, own: ownFile(old) })).rejects.toThrow('no space');
    expect(asked).toEqual([2 * CHUNK_BYTES, 0]);
    expect(store.ranges).toEqual([]);
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

  it('writes what a large file of its own holds, cut as the source cuts, and decodes with the rest of it', async () => {
    const old = noise('large', 20 * LONGEST_CHUNK);
    const cut = cutAsSource(old);
    const bases = await pack(cut);
    const last = Buffer.concat([cut.at(-1) ?? expect.unreachable(), Buffer.from('new')]);
    const deltas = await pack([last], bases.slice(-1), cut.slice(-1));
    const seed = join(folder, 'former');
    writeFileSync(seed, old);
    const recipe = recipeOf([...cut.slice(0, -1), last], [...bases.slice(0, -1), ...deltas]);
    const { fetched, written } = await fetch(recipe, { seeds: [seed] });
    expect(fetched).toBe(deltas[0]?.length);
    expect(written).toBe(recipe.size);
    expect(sha256(readFileSync(join(folder, 'file')))).toBe(recipe.sha256);
  });

  it('writes a chunk that two of its large files hold once, wherever it belongs', async () => {
    const old = noise('large', 4 * LONGEST_CHUNK);
    const cut = cutAsSource(old);
    const bases = await pack(cut);
    const seeds = ['one', 'two'].map((name) => join(folder, name));
    for (const seed of seeds) writeFileSync(seed, old);
    const recipe = recipeOf([...cut, ...cut], [...bases, ...bases]);
    expect(await fetch(recipe, { seeds })).toEqual({ fetched: 0, written: recipe.size });
    expect(sha256(readFileSync(join(folder, 'file')))).toBe(recipe.sha256);
  });

  it('fetches what a large file of its own was said to hold and does not', async () => {
    const contents = pieces(3);
    const recipe = recipeOf(contents, await pack(contents));
    const [gone, other] = [join(folder, 'gone'), join(folder, 'other')];
    writeFileSync(other, noise('other', 4 * LONGEST_CHUNK));
    expect((await fetch(recipe, { seeds: [gone, other] })).fetched).toBe(recipe.size);
  });

  it('writes a file of one chunk in one go, with its permissions and time, over what an interrupted run has left', async () => {
    const contents = pieces(1);
    const recipe = recipeOf(contents, await pack(contents));
    const path = join(folder, 'file');
    writeFileSync(path, 'longer than it was, and damaged'.repeat(CHUNK_BYTES));
    chmodSync(path, 0o444);
    expect(await dressed(path, recipe)).toEqual(new Set([path]));
    expect(readFileSync(path).equals(Buffer.concat(contents))).toBe(true);
    expect(Math.floor(statSync(path).mtimeMs)).toBe(MTIME);
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o7777).toBe(0o640);
  });

  it('leaves to be sealed what has several chunks, or one that is not what the recipe names', async () => {
    const several = pieces(2);
    const path = join(folder, 'file');
    expect(await dressed(path, recipeOf(several, await pack(several)))).toEqual(new Set());
    const one = pieces(1, 'other ');
    const wrong = { ...recipeOf(one, await pack(one)), sha256: sha256(Buffer.from('named so')) };
    expect(await dressed(join(folder, 'wrong'), wrong)).toEqual(new Set());
    expect(existsSync(join(folder, 'wrong'))).toBe(true);
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

function cutAsSource(content: Buffer): Buffer[] {
  const block = createCuttingBlock(content.length);
  content.copy(block.bytes);
  const sizes = cutSizesOf(content.length);
  const cut: Buffer[] = [];
  for (let start = 0; start < content.length; ) {
    const size = block.cut({ start, end: content.length, isEnd: true }, sizes);
    cut.push(content.subarray(start, start + size));
    start += size;
  }
  return cut;
}

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
