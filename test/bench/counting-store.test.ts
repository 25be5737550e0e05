import { describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { countingStore } from '#bench/counting-store.ts';
import { HEADER_BYTES } from '#bench/http-bytes.ts';
import { TrafficMeter } from '#bench/traffic-meter.ts';
import { StorePrecondition } from '#core/errors.ts';

function countedStore() {
  const meter = new TrafficMeter();
  return { meter, store: countingStore(new MemoryStore(), meter) };
}

const TEN = new Uint8Array(10);

describe('a store that counts', () => {
  it('counts bodies and headers, up and down apart, for each method', async () => {
    const { meter, store } = countedStore();
    await store.create('packs/aa/1', TEN);
    await store.get('packs/aa/1');
    await store.getRange('packs/aa/1', { offset: 0, length: 4 });
    await store.head('packs/aa/1');
    const { read, write, answer } = HEADER_BYTES;
    const report = meter.report();
    expect(report).toMatchObject({
      requests: 4,
      puts: 1,
      bodiesUp: 10,
      bodiesDown: 14,
      up: write + 3 * read + 10,
      down: 4 * answer + 14,
    });
    expect(report.methods).toEqual({
      create: { requests: 1, puts: 1, up: write + 10, down: answer, bodiesUp: 10, bodiesDown: 0 },
      get: { requests: 1, puts: 0, up: read, down: answer + 10, bodiesUp: 0, bodiesDown: 10 },
      getRange: { requests: 1, puts: 0, up: read, down: answer + 4, bodiesUp: 0, bodiesDown: 4 },
      head: { requests: 1, puts: 0, up: read, down: answer, bodiesUp: 0, bodiesDown: 0 },
    });
  });

  it('counts a write that is refused: its body has travelled', async () => {
    const { meter, store } = countedStore();
    await store.create('packs/aa/1', TEN);
    await expect(store.create('packs/aa/1', TEN)).rejects.toThrow(StorePrecondition);
    expect(meter.report()).toMatchObject({ requests: 2, bodiesUp: 20 });
  });

  it('counts one request for each thousand objects of a list, and one for an empty list', async () => {
    const { meter, store } = countedStore();
    for (let number = 0; number < 1001; number++) await store.put(`syncs/${number}/x`, TEN);
    const before = meter.report().requests;
    expect(await Array.fromAsync(store.list('syncs/'))).toHaveLength(1001);
    expect(await Array.fromAsync(store.list('nothing/'))).toHaveLength(0);
    expect(meter.report().requests - before).toBe(3);
  });

  it('keeps looks for an order that found nothing new apart from the rest', async () => {
    const { meter, store } = countedStore();
    const current = 'servers/plant-a/tm1/orders/current.json';
    await store.get(current);
    const { etag } = await store.put(current, TEN);
    await store.getIfChanged(current, etag);
    await store.getIfChanged(current, 'another');
    expect(meter.report()).toMatchObject({ requests: 2, bodiesDown: 10, polls: { requests: 2, bodiesDown: 0 } });
  });

  it('sorts traffic by what the objects are', async () => {
    const { meter, store } = countedStore();
    for (const key of ['servers/a/b/manifests/1', 'snapshots/1', 'syncs/1/plan.json', 'servers/a/b/receipts/1.json']) {
      await store.put(key, TEN);
    }
    await store.put('servers/a/b/enrolment.json', TEN);
    const { enrolment, kinds } = meter.report();
    expect(Object.keys(kinds)).toEqual(['manifests', 'plan', 'receipts', 'snapshots']);
    expect(enrolment.requests).toBe(1);
  });
});
