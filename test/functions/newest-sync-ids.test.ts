import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { countingStore } from '#bench/counting-store.ts';
import { keys } from '#core/keys.ts';
import { createSyncId, type SyncId } from '#core/sync.ts';
import { newestSyncIds } from '#functions/observe/newest-sync-ids.ts';
import { CallCounter } from '#test/support/call-counter.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const HOUR = 3_600_000;
const { signal } = new AbortController();

/** One sync an hour, the newest just now; oldest first. */
async function storeOf(syncs: number): Promise<{ readonly store: MemoryStore; readonly ids: readonly SyncId[] }> {
  const store = new MemoryStore();
  const times = Array.from({ length: syncs }, (_, number) => new Date(NOW.getTime() - (syncs - 1 - number) * HOUR));
  const ids = times.map((time) => createSyncId(time, 'abcde'));
  for (const id of ids)
    for (const key of [keys.request(id), keys.plan(id), keys.verdict(id)]) await store.put(key, new Uint8Array(1));
  return { store, ids };
}

describe('the newest syncs', () => {
  it('come without a list of all that there ever were', async () => {
    const counter = new CallCounter();
    const { ids, store } = await storeOf(5000);
    const found: SyncId[] = [];
    for await (const id of newestSyncIds(countingStore(store, counter), { now: NOW, signal })) {
      found.push(id);
      if (found.length === 10) break;
    }
    expect(found).toEqual(ids.toReversed().slice(0, 10));
    expect(counter.take()).toEqual({ lists: 2, reads: 0, writes: 0, bytes: expect.any(Number) });
  });

  it('are one page of a list where they are few', async () => {
    const counter = new CallCounter();
    const { ids, store } = await storeOf(999);
    expect(await Array.fromAsync(newestSyncIds(countingStore(store, counter), { now: NOW, signal }))).toEqual(
      ids.toReversed(),
    );
    expect(counter.take().lists).toBe(1);
  });

  it('are all found, each once, whatever the clock says and wherever it begins and ends', async () => {
    const { ids, store } = await storeOf(3000);
    const place = fc.option(fc.nat({ max: 2999 }), { nil: undefined });
    const clock = fc.integer({ min: -200, max: 400 });
    const property = fc.asyncProperty(place, place, clock, async (first, last, days) => {
      const [from, before] = [first === undefined ? undefined : ids[first], last === undefined ? undefined : ids[last]];
      const now = new Date(NOW.getTime() + days * 24 * HOUR);
      const found = await Array.fromAsync(newestSyncIds(store, { now, from, before, signal }));
      expect(found).toEqual(ids.slice(first ?? 0, last ?? 3000).toReversed());
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it('leave out what is no sync', async () => {
    const { ids, store } = await storeOf(2);
    await store.put('syncs/20260601T130000Z-nonsense/request.json', new Uint8Array(1));
    expect(await Array.fromAsync(newestSyncIds(store, { now: NOW, signal }))).toEqual(ids.toReversed());
  });
});
