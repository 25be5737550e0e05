import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { type Chunk, encodeIndex, type Recipe } from '#core/chunk-index.ts';
import { sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';
import { createManifest, encodeManifest, type ManifestEntry } from '#core/manifest.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import type { Operation } from '#core/plan.ts';
import { encodeSnapshot } from '#core/snapshot.ts';
import { TransferEstimator } from '#functions/plan/estimate-transfer.ts';

const KIB = 1024;
const PART = 100;

let store: CountingStore;

beforeEach(() => {
  store = new CountingStore();
});

class CountingStore extends MemoryStore {
  readonly reads: string[] = [];

  override get(...[key, options]: Parameters<MemoryStore['get']>): ReturnType<MemoryStore['get']> {
    this.reads.push(key);
    return super.get(key, options);
  }
}

/** A snapshot with these indexes, the newest first, and the bytes of each document. */
async function stored(...indexes: readonly (readonly Recipe[])[]) {
  const encoded = indexes.map((recipes) => encodeIndex({ recipes }));
  for (const { bytes, digest } of encoded) await store.put(keys.index(digest), bytes);
  const snapshot = encodeSnapshot({ manifest: sha256('manifest'), indexes: encoded.map(({ digest }) => digest) });
  await store.put(keys.snapshot(snapshot.digest), snapshot.bytes);
  const estimator = new TransferEstimator(store, snapshot.digest);
  return { estimator, snapshot: snapshot.bytes.length, indexes: encoded.map(({ bytes }) => bytes.length) };
}

function estimate(estimator: TransferEstimator, operations: readonly Operation[], more: Destination = {}) {
  const { held = [], isProtected = false, rate } = more;
  const kept = isProtected ? ({ kind: 'protected', class: 'license' } as const) : ({ kind: 'artifact' } as const);
  const entries = held.map(
    ({ sha256: content, size }, index): ManifestEntry => ({ ...file(`held ${index}`), sha256: content, size, ...kept }),
  );
  const manifest = createManifest(sha256('profile'), entries);
  const { manifest: digest } = manifest.summary;
  return estimator.estimate({
    operations,
    manifest: { what: 'manifest', digest, layers: [encodeManifest(manifest)] },
    partBytes: PART,
    downloadBytesPerSecond: rate,
  });
}

interface Destination {
  readonly held?: readonly Recipe[];
  readonly isProtected?: boolean;
  readonly rate?: number;
}

describe('an estimate', () => {
  it('counts the part, the snapshot, the index and each chunk once', async () => {
    const one = chunk('one', { offset: 0, length: 10 });
    const [twice, other] = [recipe('twice', [one, one]), recipe('other', [one])];
    const { estimator, indexes, snapshot } = await stored([twice, other]);
    const operations = [create('a', twice), create('b', other), create('c', other)];
    expect(await estimate(estimator, operations)).toEqual({ bytes: PART + snapshot + (indexes[0] ?? 0) + 10 });
  });

  it('counts small gaps between chunks, which are fetched with them, and no large ones', async () => {
    const far = 1000 * KIB;
    const chunks = [0, 20 * KIB, far].map((offset) => chunk(`at ${offset}`, { offset, length: 10 * KIB }));
    const content = recipe('content', chunks);
    const { estimator, indexes, snapshot } = await stored([content]);
    const { bytes } = (await estimate(estimator, [create('a', content)])) ?? { bytes: 0 };
    expect(bytes - PART - snapshot - (indexes[0] ?? 0)).toBe(40 * KIB);
  });

  it('counts what a delta is made from only where the destination has it not', async () => {
    const base = chunk('base', { offset: 0, length: 1000, size: 2000 });
    const delta: Chunk = { ...chunk('delta', { offset: 500 * KIB, length: 7 }), encoding: 'zstd-dict', bases: [base] };
    const content = recipe('new', [delta]);
    const { estimator, indexes, snapshot } = await stored([content]);
    const documents = PART + snapshot + (indexes[0] ?? 0);
    expect(await estimate(estimator, [create('a', content)])).toEqual({ bytes: documents + 1007 });
    const held: Recipe = { sha256: base.sha256, size: base.size, chunks: [base] };
    expect(await estimate(estimator, [create('a', content)], { held: [held] })).toEqual({ bytes: documents + 7 });
  });

  it('counts no content that the destination has under any name, but for a license', async () => {
    const content = recipe('content', [chunk('one', { offset: 0, length: 10 })]);
    const { estimator } = await stored([content]);
    expect(await estimate(estimator, [create('a', content)], { held: [content] })).toEqual({ bytes: PART });
    const license = { held: [content], isProtected: true };
    expect((await estimate(estimator, [create('a', content)], license))?.bytes).toBeGreaterThan(PART);
  });

  it('counts the older indexes only as far as the agent has to read them', async () => {
    const [fresh, old] = [recipe('new', [chunk('new', { length: 10 })]), recipe('old', [chunk('old', { length: 20 })])];
    const { estimator, indexes, snapshot } = await stored([fresh], [old]);
    const [newest = 0, oldest = 0] = indexes;
    expect(await estimate(estimator, [create('a', fresh)])).toEqual({ bytes: PART + snapshot + newest + 10 });
    expect(await estimate(estimator, [create('a', old)])).toEqual({ bytes: PART + snapshot + newest + oldest + 20 });
    expect(await estimate(estimator, [create('a', fresh)])).toEqual({ bytes: PART + snapshot + newest + 10 });
  });

  it('counts no chunk of a large file that is to be replaced; is an upper bound where its chunks are not known', async () => {
    const [same, other] = [chunk('same', { length: 90 * KIB }), chunk('other', { offset: 200 * KIB, length: 7 })];
    const [former, next] = [recipe('former', [same]), recipe('next', [same, other])];
    const { estimator, indexes, snapshot } = await stored([next], [former]);
    const documents = PART + snapshot + (indexes[0] ?? 0);
    expect(await estimate(estimator, [update('a', next, former)])).toEqual({ bytes: documents + 7 });
    expect(await estimate(estimator, [update('a', next, { ...former, sha256: sha256('unknown') })])).toEqual({
      bytes: documents + 90 * KIB + 7,
      atMost: true,
    });
  });

  it('reads every document once, whatever the number of destinations', async () => {
    const [fresh, old] = [recipe('new', [chunk('new', {})]), recipe('old', [chunk('old', {})])];
    const { estimator } = await stored([fresh], [old]);
    for (let destination = 0; destination < 5; destination++)
      await estimate(estimator, [create('a', fresh), create('b', old)]);
    expect(store.reads.length).toBe(3);
    expect(new Set(store.reads).size).toBe(3);
  });

  it('says seconds by the rate that the destination has measured, and none without', async () => {
    const content = recipe('content', [chunk('one', { length: 1_000_000 })]);
    const { estimator } = await stored([content]);
    expect(await estimate(estimator, [create('a', content)])).not.toHaveProperty('seconds');
    expect((await estimate(estimator, [create('a', content)], { rate: 100_000 }))?.seconds).toBeCloseTo(10, 0);
  });

  it('is of the part alone when nothing is brought', async () => {
    const { estimator } = await stored([]);
    const removal: Operation = {
      change: 'remove',
      class: 'firmware',
      path: parseRelativePath('a'),
      former: { sha256: sha256('a'), size: 1 },
    };
    expect(await estimate(estimator, [removal])).toEqual({ bytes: PART });
    expect(store.reads).toEqual([]);
  });
});

describe('there is no estimate', () => {
  const content = recipe('content', [chunk('one', {})]);

  it('without the snapshot, which is looked for once', async () => {
    const estimator = new TransferEstimator(store, sha256('missing'));
    expect(await estimate(estimator, [create('a', content)])).toBeUndefined();
    expect(await estimate(estimator, [create('a', content)])).toBeUndefined();
    expect(store.reads.length).toBe(1);
  });

  it('when an index is damaged, or does not list the content', async () => {
    const { estimator } = await stored([recipe('another', [])]);
    expect(await estimate(estimator, [create('a', content)])).toBeUndefined();
    const { digest } = encodeIndex({ recipes: [content] });
    await stored([content]);
    const damaged = await stored([content]);
    await store.put(keys.index(digest), Buffer.from('damaged'));
    expect(await estimate(damaged.estimator, [create('a', content)])).toBeUndefined();
  });
});

function chunk(name: string, place: Partial<Pick<Chunk, 'offset' | 'length' | 'size'>>): Chunk {
  const length = place.length ?? 10;
  return {
    sha256: sha256(`chunk ${name}`),
    pack: sha256('pack'),
    offset: 0,
    length,
    size: length,
    ...place,
    encoding: 'zstd',
  };
}

function recipe(name: string, chunks: readonly Chunk[]): Recipe {
  return { sha256: sha256(name), size: chunks.reduce((sum, { size }) => sum + size, 0), chunks };
}

function file(path: string) {
  return { class: 'firmware', mode: 0o644, mtime: 0, path: parseRelativePath(path) };
}

function create(path: string, { sha256: content, size }: Recipe): Operation {
  return { change: 'create', ...file(path), sha256: content, size };
}

function update(path: string, next: Recipe, former: Recipe): Operation {
  return { ...create(path, next), change: 'update', former: { sha256: former.sha256, size: former.size } } as Operation;
}
