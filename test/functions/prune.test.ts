import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import type { Sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { SweepUnderWay } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { prune } from '#functions/prune/prune.ts';
import { noise } from '#test/agents/noise.ts';
import { type Death, mortalStore } from '#test/support/mortal-store.ts';
import { findMissing, ReleasingSource, SOURCE } from '#test/support/releasing-source.ts';

const DAY = 24 * 3600 * 1000;
/** Of the past nothing stays but the newest snapshot. */
const ALL = { keep: 1, keepDays: 0, graceDays: 0 };

let time: number;
let store: MemoryStore;
let source: ReleasingSource;
let snapshots: Sha256[];

beforeEach(async () => {
  time = Date.now();
  store = new MemoryStore();
  source = new ReleasingSource(store, now);
  snapshots = [];
  for (const name of ['one', 'two', 'three']) snapshots.push(await source.release(tree(name)));
});

afterEach(() => source.close());

function now(): Date {
  time += 1000;
  return new Date(time);
}

function tree(name: string) {
  return { 'a.bin': noise(name, 5000), 'always.bin': noise('always', 5000) };
}

function sweep(wish: object, seen: ObjectStore = store) {
  return prune({ store: seen, now, log: () => undefined }, wish);
}

async function present(prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const { key, etag } of store.list(prefix)) found.push(`${key} ${etag}`);
  return found;
}

describe('a sweep', () => {
  it('removes what only older releases need, and leaves the newest whole', async () => {
    const packs = await present('packs/');
    const { counts } = await sweep(ALL);
    expect(counts).toMatchObject({ snapshot: { kept: { objects: 1 }, removed: { objects: 2 } } });
    expect(counts.pack.removed.bytes).toBe(5000);
    expect((await present('packs/')).length).toBeLessThan(packs.length);
    const [one, two, three] = await Promise.all(snapshots.map((snapshot) => findMissing(store, snapshot)));
    expect([one?.length, two?.length, three]).toEqual([1, 1, []]);
  });

  it('keeps as many snapshots of a source as it is told, and those of young syncs', async () => {
    await sweep({ ...ALL, keep: 2 });
    expect((await Promise.all(snapshots.map((one) => findMissing(store, one)))).map(({ length }) => length)).toEqual([
      1, 0, 0,
    ]);
    await sweep({ ...ALL, keepDays: 1 });
    expect(await present('snapshots/')).toHaveLength(2);
    time += DAY;
    await sweep({ ...ALL, keepDays: 1 });
    expect(await present('snapshots/')).toHaveLength(1);
  });

  it('marks first, and removes only what was marked for the grace', async () => {
    const before = await present('packs/');
    const first = await sweep({ ...ALL, graceDays: 2 });
    expect(first.counts.snapshot).toMatchObject({ marked: { objects: 2 }, removed: { objects: 0 } });
    time += DAY;
    const second = await sweep({ ...ALL, graceDays: 2 });
    expect(second.counts.snapshot).toMatchObject({ marked: { objects: 0 }, waiting: { objects: 2 } });
    expect(await present('packs/')).toEqual(before);
    time += DAY;
    const third = await sweep({ ...ALL, graceDays: 2 });
    expect(third.counts.snapshot).toMatchObject({ waiting: { objects: 0 }, removed: { objects: 2 } });
    expect(third.counts.pack.removed.objects).toBeGreaterThan(0);
  });

  it('forgets the mark of what is needed again', async () => {
    await sweep({ ...ALL, graceDays: 2 });
    const again = await source.release(tree('one'));
    expect(again).toBeDefined();
    time += DAY;
    await sweep({ keep: 10, keepDays: 30, graceDays: 2 });
    expect(Buffer.from((await store.get(keys.sweepMarks()))?.body ?? []).toString()).toContain('"marks":{}');
  });

  it('keeps what a snapshot leads to that waits for its own grace, however long that was marked', async () => {
    await sweep({ ...ALL, graceDays: 2 });
    time += 1.5 * DAY;
    // Nobody names it: its source was too late, or has not answered yet.
    source.write(tree('two'));
    const late = await source.request();
    await source.order(late);
    const snapshot = await source.obey(late);
    await store.delete(keys.receipt(SOURCE, orderId(late, 'inventory', SOURCE)));
    await source.end(late);
    time += DAY;
    await sweep({ ...ALL, graceDays: 2 });
    expect(await findMissing(store, snapshot)).toEqual([]);
  });

  it('leaves a source what it needs to find out what it has to upload again', async () => {
    await sweep(ALL);
    expect(await findMissing(store, await source.release(tree('two')))).toEqual([]);
  });

  it('as a dry run says the same and writes nothing', async () => {
    const before = await present();
    const { counts } = await sweep({ ...ALL, dryRun: true });
    expect(await present()).toEqual(before);
    expect((await sweep(ALL)).counts).toEqual(counts);
  });

  it('touches nothing but snapshots, indexes and packs', async () => {
    await store.put(keys.audit(new Date(0), 'aa'), Buffer.from('{}'));
    const others = async () => (await present()).filter((one) => !/^(snapshots|indexes|packs|sweep)\//.test(one));
    const before = await others();
    await sweep(ALL);
    expect(await others()).toEqual(before);
  });

  it('gives way to a sync whose source takes stock, and names it', async () => {
    const sync = await source.request();
    const before = await present('packs/');
    expect(await sweep(ALL)).toMatchObject({ gaveWay: expect.stringContaining(sync) });
    expect(await sweep({ ...ALL, dryRun: true })).toMatchObject({ gaveWay: expect.stringContaining(sync) });
    expect(await present('packs/')).toEqual(before);
    // The lease is gone: the source may be told to take stock.
    await source.order(sync);
  });

  it('no longer waits for a source that has fallen silent, and withdraws its order', async () => {
    const sync = await source.request();
    await source.order(sync);
    time += DAY;
    expect(await sweep(ALL)).not.toHaveProperty('gaveWay');
    source.write(tree('one'));
    await expect(source.obey(sync)).rejects.toThrow(/has ended without this server/);
    expect(await findMissing(store, await source.release(tree('one')))).toEqual([]);
  });

  it('need not know of a source that is told only after the verdict', async () => {
    const sync = await source.request();
    await source.end(sync);
    await source.order(sync);
    await sweep(ALL);
    source.write(tree('one'));
    await expect(source.obey(sync)).rejects.toThrow(/has ended without this server/);
  });

  it('waits for a silent source as long as a controller would go on with the sync', async () => {
    const sync = await source.request();
    await store.put(keys.execution(sync), encodeDocument({ sync }));
    time += 100 * DAY;
    expect(await sweep(ALL)).toMatchObject({ gaveWay: expect.stringContaining(sync) });
  });

  it('keeps the snapshot of a sync that has no verdict yet, however old', async () => {
    const old = await source.request();
    source.write(tree('old'));
    await source.order(old);
    const snapshot = await source.obey(old);
    await store.put(keys.execution(old), encodeDocument({ sync: old }));
    time += 100 * DAY;
    await source.release(tree('new'));
    await sweep(ALL);
    expect(await findMissing(store, snapshot)).toEqual([]);
  });

  it('is refused while another is at work', async () => {
    const others = { by: 'somebody', format: 'lockstep-sweep-lease/1', startedAt: new Date(time).toISOString() };
    const until = new Date(time + 60_000).toISOString();
    await store.put(keys.sweepLease(), encodeDocument({ ...others, until }));
    await expect(sweep(ALL)).rejects.toThrow(SweepUnderWay);
    await expect(source.order(await source.request())).rejects.toThrow(SweepUnderWay);
  });

  it.each(['snapshots/', 'indexes/'])('removes nothing when one of %s cannot be read, and names it', async (prefix) => {
    for await (const { key } of store.list(prefix)) await store.put(key, Buffer.from('damaged'));
    const before = await present('packs/');
    await expect(sweep(ALL)).rejects.toThrow(/(snapshot|index) [0-9a-f]{64} is not valid/);
    expect(await present('packs/')).toEqual(before);
    expect(await present('snapshots/')).toHaveLength(3);
  });

  it('removes nothing when an index of a retained snapshot is gone', async () => {
    for await (const { key } of store.list('indexes/')) await store.delete(key);
    await expect(sweep(ALL)).rejects.toThrow(/indexes\/[0-9a-f]{64} is not in the store/);
    expect(await present('snapshots/')).toHaveLength(3);
  });
});

describe('a sweep that is killed', { timeout: 300_000 }, () => {
  it('before any of its store calls leaves every snapshot whole, and the next one ends it', () =>
    tryEveryDeath((beforeCall) => ({ beforeCall })));

  it('after any of its writes, unanswered: the same', () => tryEveryDeath((afterWrite) => ({ afterWrite })));
});

async function tryEveryDeath(deathAt: (call: number) => Death): Promise<void> {
  const whole = await contents(store);
  const ended = await sweep(ALL).then(() => present('packs/'));
  for (let call = 1; ; call++) {
    store = new MemoryStore();
    for (const [key, body] of whole) await store.put(key, body);
    const mortal = mortalStore(store, deathAt(call));
    const survived = await Promise.race([mortal.died.then(() => false), sweep(ALL, mortal.store).then(() => true)]);
    await assertWhole();
    // By then the lease of the killed one has ended.
    time += 10 * 60_000;
    await sweep(ALL);
    await assertWhole();
    expect((await present('packs/')).map(nameOf)).toEqual(ended.map(nameOf));
    expect(await findMissing(store, snapshots[2] as Sha256)).toEqual([]);
    if (survived) return;
  }
}

/** Where a snapshot is, all that it leads to is. */
async function assertWhole(): Promise<void> {
  for (const one of await present('snapshots/')) {
    const digest = nameOf(one).slice('snapshots/'.length) as Sha256;
    expect({ digest, missing: await findMissing(store, digest) }).toEqual({ digest, missing: [] });
  }
}

function nameOf(entry: string): string {
  return entry.split(' ')[0] ?? '';
}

async function contents(of: ObjectStore): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = [];
  for await (const { key } of of.list('')) found.push([key, (await of.get(key))?.body ?? new Uint8Array()]);
  return found;
}
