import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { decodeIndex, depthOf, encodeIndex, type Recipe } from '#core/chunk-index.ts';
import { keys } from '#core/keys.ts';
import { decodeSnapshot, encodeSnapshot } from '#core/snapshot.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, type Planned, SOURCE } from './control.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const KIB = 1024;
const FIRMWARE = noise('firmware', 3000 * KIB);

let source: string;
let destination: string;
let sourceState: string;
let control: Control;
let store: CountingStore;

beforeEach(() => {
  [source, destination, sourceState] = [join(testFolder(), 'source'), join(testFolder(), 'destination'), testFolder()];
  store = new CountingStore();
  control = new Control(store);
});

/** Both agents started, and the destination made equal to `tree`. */
async function beginInSync(tree: Tree): Promise<void> {
  writeTree(source, tree);
  writeTree(destination, tree);
  control.start(SOURCE, source, { stateFolder: sourceState });
  control.start(DESTINATION, destination);
  await control.inventory(SOURCE, true);
}

async function sync(): Promise<{ readonly up: number; readonly down: number }> {
  const planned = await control.plan();
  const receipt = await control.apply(planned);
  expect(receipt).toMatchObject({ outcome: 'SUCCEEDED' });
  for (const [path, state] of Object.entries(readTree(source))) expect(readTree(destination)[path]).toBe(state);
  return { up: planned.source.receipt.bytesUploaded, down: receipt.bytesFetched ?? 0 };
}

function edited(content: Buffer, ...edits: readonly (readonly [number, string])[]): Buffer {
  const copy = Buffer.from(content);
  for (const [at, text] of edits) copy.write(text, at);
  return copy;
}

async function newestIndex(planned: Planned): Promise<readonly Recipe[]> {
  const read = async (key: string) => (await store.get(key))?.body ?? new Uint8Array();
  const { indexes } = decodeSnapshot(await read(keys.snapshot(planned.header.snapshot)), planned.header.snapshot);
  const [newest = expect.unreachable()] = indexes;
  return [...decodeIndex(await read(keys.index(newest)), newest).recipes.values()];
}

describe('of a large file that changed a little', () => {
  it('little travels, up and down', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    writeFileSync(join(source, 'firmware/a.bin'), edited(FIRMWARE, [1_000_000, 'changed'], [2_000_000, 'changed']));
    const { down, up } = await sync();
    expect(up).toBeLessThan(30 * KIB);
    expect(down).toBeLessThan(30 * KIB);
  });

  it('little travels when bytes are put in and taken out', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    const pieces = [noise('new', 5000), FIRMWARE.subarray(0, 1_500_000), FIRMWARE.subarray(1_600_000)];
    writeFileSync(join(source, 'firmware/a.bin'), Buffer.concat(pieces));
    const { down, up } = await sync();
    expect(up).toBeLessThan(30 * KIB);
    expect(down).toBeLessThan(30 * KIB);
  });

  it('a destination that has nothing fetches what it needs to read the changes, too', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    for (const round of [1, 2, 3, 4]) {
      writeFileSync(join(source, 'firmware/a.bin'), edited(FIRMWARE, [1_000_000, `changed ${round}`]));
      await control.inventory(SOURCE, true);
    }
    rmSync(join(destination, 'firmware'), { recursive: true });
    expect((await sync()).down).toBeLessThan(FIRMWARE.length + 200 * KIB);
  });

  it('a destination that is releases behind fetches little more than one that is not', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    let content = FIRMWARE;
    for (const round of [1, 2, 3, 4, 5]) {
      content = edited(content, [round * 400_000, 'changed'], [1_000_000, `changed ${round}`]);
      writeFileSync(join(source, 'firmware/a.bin'), content);
      await control.inventory(SOURCE, true);
    }
    expect((await sync()).down).toBeLessThan(60 * KIB);
  });

  it('no delta is deeper than allowed, however often a place changes', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    const depths: number[] = [];
    for (const round of [1, 2, 3, 4]) {
      writeFileSync(join(source, 'firmware/a.bin'), edited(FIRMWARE, [1_000_000, `changed ${round}`]));
      const recipes = await newestIndex(await control.plan());
      depths.push(Math.max(...recipes.flatMap(({ chunks }) => [...chunks].map(depthOf))));
    }
    expect(depths).toEqual([1, 2, 2, 2]);
  });

  it('the source fetches old bytes from the store when it no longer has them', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    rmSync(join(sourceState, 'packs'), { recursive: true });
    writeFileSync(join(source, 'firmware/a.bin'), edited(FIRMWARE, [1_000_000, 'changed']));
    store.ranges = 0;
    const { receipt } = await control.inventory(SOURCE, true);
    expect(receipt.bytesUploaded).toBeLessThan(30 * KIB);
    expect(store.ranges).toBe(1);
  });

  it('old bytes that are damaged in the cache are not used', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    for (const pack of readdirSync(join(sourceState, 'packs')))
      writeFileSync(join(sourceState, 'packs', pack), 'damaged');
    writeFileSync(join(source, 'firmware/a.bin'), edited(FIRMWARE, [1_000_000, 'changed']));
    expect((await sync()).up).toBeLessThan(200 * KIB);
  });
});

describe('deltas', () => {
  it('are made of small files, too', async () => {
    const tree = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`${i}.txt`, noise(`${i}`, 5000).toString('hex')]),
    );
    await beginInSync(tree);
    for (const [path, content] of Object.entries(tree)) writeFileSync(join(source, path), `${content} and more`);
    const { down, up } = await sync();
    expect(up).toBeLessThan(15 * KIB);
    expect(down).toBeLessThan(15 * KIB);
  });

  it('of files that swapped names travel hardly at all', async () => {
    const other = noise('other', 2000 * KIB);
    await beginInSync({ 'firmware/a.bin': FIRMWARE, 'firmware/b.bin': other });
    writeFileSync(join(source, 'firmware/a.bin'), edited(other, [1_000_000, 'changed']));
    writeFileSync(join(source, 'firmware/b.bin'), FIRMWARE);
    expect((await sync()).down).toBeLessThan(200 * KIB);
  });

  it('survive content that begins like a trained dictionary', async () => {
    const magic = Buffer.concat([Buffer.from([0x37, 0xa4, 0x30, 0xec]), noise('magic', 40_000)]);
    await beginInSync({ 'a.bin': magic });
    writeFileSync(join(source, 'a.bin'), edited(magic, [20_000, 'changed']));
    await sync();
  });

  it('of which a base is not what it says are refused, and nothing is changed', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    writeFileSync(join(source, 'firmware/a.bin'), edited(FIRMWARE, [1_000_000, 'changed']));
    const planned = await control.plan();
    const before = readTree(destination);
    const bent = (await newestIndex(planned)).map((recipe) => ({
      ...recipe,
      chunks: [...recipe.chunks].map((chunk, _, chunks) =>
        chunk.encoding === 'zstd-dict' ? { ...chunk, bases: chunks.slice(0, 2) } : chunk,
      ),
    }));
    const index = encodeIndex({ recipes: bent });
    await store.put(keys.index(index.digest), index.bytes);
    const snapshot = encodeSnapshot({ manifest: planned.header.sourceManifest, indexes: [index.digest] });
    await store.put(keys.snapshot(snapshot.digest), snapshot.bytes);
    const receipt = await control.apply({ ...planned, header: { ...planned.header, snapshot: snapshot.digest } });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringContaining('chunk'),
    });
    expect(readTree(destination)).toEqual(before);
  });

  it('with any byte changed in the store are refused, naming the pack, and nothing is changed', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE });
    const old = new Set((await Array.fromAsync(store.list('packs/'))).map(({ key }) => key));
    writeFileSync(join(source, 'firmware/a.bin'), edited(FIRMWARE, [1_000_000, 'changed']));
    const planned = await control.plan();
    const before = readTree(destination);
    const packs = (await Array.fromAsync(store.list('packs/'))).filter(({ key }) => !old.has(key));
    expect(packs).toHaveLength(1);
    for (const { key } of packs) {
      const body = (await store.get(key))?.body ?? new Uint8Array();
      body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 4;
      await store.put(key, body);
      expect(await control.apply(planned)).toMatchObject({
        reason: 'UNREADABLE',
        detail: expect.stringContaining(key),
      });
    }
    expect(readTree(destination)).toEqual(before);
  });
});

describe('indexes', () => {
  it('stay few, however many snapshots were taken', async () => {
    await beginInSync(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}.txt`, `${i}`])));
    for (let round = 0; round < 25; round++) {
      writeFileSync(join(source, `${round}.txt`), `edited ${round}`);
      await control.inventory(SOURCE, true);
    }
    rmSync(destination, { recursive: true });
    writeTree(destination, {});
    const planned = await control.plan();
    const stored = await store.get(keys.snapshot(planned.header.snapshot));
    const { indexes } = decodeSnapshot(stored?.body ?? new Uint8Array(), planned.header.snapshot);
    expect(indexes.length).toBeLessThanOrEqual(9);
    expect(await control.apply(planned)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(readFileSync(join(destination, '24.txt'), 'utf8')).toBe('edited 24');
  });

  it('are not written, and nothing else, when nothing has changed', async () => {
    await beginInSync({ 'firmware/a.bin': FIRMWARE, 'a.txt': 'text' });
    const before = (await Array.fromAsync(store.list('')))
      .map(({ key }) => key)
      .filter((key) => !key.startsWith('servers'));
    await control.inventory(SOURCE, true);
    const after = (await Array.fromAsync(store.list('')))
      .map(({ key }) => key)
      .filter((key) => !key.startsWith('servers'));
    expect(after).toEqual(before);
  });
});

class CountingStore extends MemoryStore {
  ranges = 0;

  override getRange(...call: Parameters<MemoryStore['getRange']>): ReturnType<MemoryStore['getRange']> {
    this.ranges++;
    return super.getRange(...call);
  }
}
