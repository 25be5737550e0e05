import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { LeaseLost, StoreLease } from '#adapters/store-lease.ts';
import { wrapStore } from '#adapters/wrap-store.ts';
import { encodeDocument } from '#core/documents.ts';
import { StorePrecondition, StoreTransient } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { Lease } from '#core/lease.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type Lead, leadAlone } from '#embedded/lead-alone.ts';

const KEY = keys.controllerLease();
const BYTES = new Uint8Array([1]);

let store: ObjectStore;
let time: number;
let ended: AbortController;
let told: Lease[];

beforeEach(() => {
  store = new MemoryStore();
  time = Date.parse('2026-01-02T03:04:05Z');
  ended = new AbortController();
  told = [];
});

afterEach(() => ended.abort());

const now = () => new Date(time);

function lead(work: Lead, { holder = 'this', milliseconds = 60_000, over = store } = {}): Promise<void> {
  const onStandBy = (lease: Lease) => void told.push(lease);
  const common = { now, log: () => undefined, by: `somebody on ${holder}`, holder, onStandBy, milliseconds };
  return leadAlone({ ...common, store: over, signal: ended.signal }, work);
}

async function leaseOf(holder: string, until: number | null): Promise<void> {
  const lease = {
    format: 'lockstep-controller-lease/1',
    by: `somebody on ${holder}`,
    holder,
    startedAt: now().toISOString(),
    until: until === null ? null : new Date(until).toISOString(),
  };
  await store.put(KEY, encodeDocument(lease));
}

async function stored(): Promise<Lease> {
  return JSON.parse(Buffer.from((await store.get(KEY))?.body ?? '').toString());
}

describe('a controller that leads alone', () => {
  it('says who it is and until when, and that it has ended', async () => {
    await lead(async () => {
      expect(await stored()).toMatchObject({ by: 'somebody on this', until: new Date(time + 60_000).toISOString() });
      ended.abort();
    });
    expect(await stored()).toMatchObject({ by: 'somebody on this', until: null });
  });

  it('writes nothing any more once its time is up, and goes on reading', async () => {
    await lead(async (fenced) => {
      await fenced.put('a', BYTES);
      time += 60_000;
      for (const write of [
        fenced.put('a', BYTES),
        fenced.create('b', BYTES),
        fenced.replace('a', BYTES, '"e"'),
        fenced.delete('a'),
      ]) {
        await expect(write).rejects.toThrow(StoreTransient);
      }
      expect((await fenced.get('a'))?.body).toEqual(BYTES);
      expect(await store.head('b')).toBeUndefined();
      ended.abort();
    });
  });

  it('goes on after a late renewal when nobody has taken over', async () => {
    await lead(
      async (fenced) => {
        time += 60_000;
        await expect(fenced.put('a', BYTES)).rejects.toThrow(StoreTransient);
        while ((await stored()).until !== new Date(time + 40).toISOString()) await sleep(5);
        await fenced.put('a', BYTES);
        ended.abort();
      },
      { milliseconds: 40 },
    );
  });

  it.each(['another', 'this'])(
    'is over when %s has taken over, and stands by then, even for one of its own name',
    async (holder) => {
      let times = 0;
      const leading = lead(
        async (_, over) => {
          times++;
          await leaseOf(holder, time + 60_000);
          while (!over.aborted) await sleep(5);
        },
        { milliseconds: 40 },
      );
      while (told.length === 0 && times < 2) await sleep(5);
      expect(told).toMatchObject([{ by: `somebody on ${holder}`, until: new Date(time + 60_000).toISOString() }]);
      expect(await stored()).toMatchObject({ holder, until: new Date(time + 60_000).toISOString() });
      ended.abort();
      await leading;
      expect(times).toBe(1);
    },
  );

  it('waits for another as long as that may believe to lead, clocks that differ included', async () => {
    await leaseOf('another', time);
    let isLeading = false;
    const leading = lead(
      async () => {
        isLeading = true;
        ended.abort();
      },
      { milliseconds: 60 },
    );
    while (told.length === 0) await sleep(5);
    time += 9;
    await sleep(60);
    expect(isLeading).toBe(false);
    time += 2;
    await leading;
    expect(isLeading).toBe(true);
    expect(told).toHaveLength(1);
  });

  it('takes over at once what was given back, and what its own machine left', async () => {
    for (const [holder, until] of [
      ['another', null],
      ['this', time + 60_000],
    ] as const) {
      ended = new AbortController();
      await leaseOf(holder, until);
      await lead(async () => ended.abort());
    }
    expect(told).toEqual([]);
  });

  it('does not mistake its own lease for another’s when the answer to its write was lost', async () => {
    const forgetful = wrapStore(store, async (call, run) => {
      const answer = await run();
      if (call.body === undefined) return answer;
      throw new StorePrecondition(call.key, 'it exists already');
    });
    await lead(
      async () => {
        expect(await stored()).toMatchObject({ holder: 'this' });
        ended.abort();
      },
      { over: forgetful },
    );
    expect(told).toEqual([]);
    expect(await stored()).toMatchObject({ until: null });
  });
});

describe('a lease', () => {
  it('of which two are taken at the same time is held by one', async () => {
    const terms = { key: KEY, format: 'lockstep-controller-lease/1', by: 'x', milliseconds: 1000 } as const;
    const takings = await Promise.all(
      Array.from({ length: 8 }, (_, index) => StoreLease.take({ store, now }, { ...terms, holder: `${index}` })),
    );
    const held = takings.flatMap((taking) => (taking.kind === 'held' ? [taking.lease] : []));
    expect(held).toHaveLength(1);
    await leaseOf('another', time + 1000);
    await expect(held[0]?.renew()).rejects.toThrow(LeaseLost);
    await held[0]?.release();
    expect(await stored()).toMatchObject({ holder: 'another', until: new Date(time + 1000).toISOString() });
  });
});
