import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import type { Sha256 } from '#core/digest.ts';
import { OrderRefused, SweepUnderWay } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SyncId } from '#core/sync.ts';
import { prune } from '#functions/prune/prune.ts';
import { noise } from '#test/agents/noise.ts';
import { findMissing, ReleasingSource } from '#test/support/releasing-source.ts';

/** The harshest there is: nothing but the newest snapshot stays, and nothing waits. */
const ALL = { keep: 1, keepDays: 0, graceDays: 0 };
const OLD = { 'a.bin': noise('old', 5000), 'b.bin': noise('b', 5000) };
const NEW = { 'a.bin': noise('new', 5000) };

let time: number;
let store: MemoryStore;
let source: ReleasingSource;

/** The source goes back to files whose packs a sweep would remove, and which it knows to be in the store. */
async function begin(): Promise<void> {
  time = Date.now();
  store = new MemoryStore();
  source = new ReleasingSource(store, now);
  await source.release(OLD);
  await source.release(NEW);
  source.write(OLD);
}

function now(): Date {
  time += 10;
  return new Date(time);
}

function sweep(seen: ObjectStore = store) {
  return prune({ store: seen, now, log: () => undefined }, ALL);
}

beforeEach(begin);
afterEach(() => source.close());

// Every call to the store is one whole run.
describe('taking stock while the store is swept', { timeout: 300_000 }, () => {
  it('a sweep at any store call of the control plane or the agent leaves the new snapshot whole', () =>
    atEveryCall(async (call) => {
      const sync = await source.request();
      const { isReached, seen } = meanwhile(store, call, async () => void (await sweep()));
      await source.order(sync, seen);
      expect(await findMissing(store, await source.obey(sync, seen))).toEqual([]);
      return isReached();
    }));

  it('taking stock at any store call of a sweep leaves the new snapshot whole', () =>
    atEveryCall(async (call) => {
      let snapshot: Sha256 | undefined;
      let sync: SyncId | undefined;
      const take = async () => {
        sync ??= await source.request();
        await source.order(sync);
        snapshot = await source.obey(sync);
      };
      const { isReached, seen } = meanwhile(store, call, () => take().catch(assertWaits));
      await sweep(seen);
      // The workflow tries again.
      if (snapshot === undefined) await take();
      expect(await findMissing(store, snapshot as Sha256)).toEqual([]);
      return isReached();
    }));

  it('an agent that is overtaken by the verdict and a sweep never counts on its snapshot', async () => {
    let refused = 0;
    await atEveryCall(async (call) => {
      const sync = await source.request();
      await source.order(sync);
      const { isReached, seen } = meanwhile(store, call, async () => {
        await source.end(sync);
        await sweep();
      });
      const snapshot = await source.obey(sync, seen).catch((error: unknown) => {
        expect(error).toBeInstanceOf(OrderRefused);
        refused++;
        return undefined;
      });
      // What it remembers is what the next one builds on.
      const next = await source.request();
      await source.order(next);
      expect(await findMissing(store, await source.obey(next))).toEqual([]);
      if (snapshot !== undefined && (await store.head(keys.snapshot(snapshot))) !== undefined) {
        expect(await findMissing(store, snapshot)).toEqual([]);
      }
      return isReached();
    });
    expect(refused).toBeGreaterThan(3);
  });

  it('a sweep removes nothing more once a sync waits for it', async () => {
    let waits = 0;
    const before = await count('packs/');
    await atEveryCall(async (call) => {
      let left: number | undefined;
      const { isReached, seen } = meanwhile(store, call, async (name, key) => {
        const sync = await source.request();
        await source.order(sync).catch(assertWaits);
        const isWaiting = (await store.head(keys.sweepAwaited())) !== undefined;
        // What is on its way to be removed cannot be held back.
        if (isWaiting && !(name === 'delete' && key.startsWith(keys.packs()))) left = await count(keys.packs());
      });
      const { gaveWay } = await sweep(seen);
      if (left !== undefined) expect(await count(keys.packs())).toBe(left);
      if (left === before) expect(gaveWay).toBeDefined();
      if (left === before) waits++;
      return isReached();
    });
    expect(waits).toBeGreaterThan(5);
  });
});

/** From the first call on, until one is never made. */
async function atEveryCall(run: (call: number) => Promise<boolean>): Promise<void> {
  for (let call = 1; await run(call); call++) {
    source.close();
    await begin();
  }
}

/** A store before whose call of that number something else happens. */
function meanwhile(
  real: ObjectStore,
  call: number,
  act: (name: string, key: string) => Promise<void>,
): { readonly seen: ObjectStore; readonly isReached: () => boolean } {
  let calls = 0;
  const step = async (name: string, key: unknown) => {
    if (++calls === call) await act(name, String(key));
  };
  const seen = new Proxy(real, {
    get: (target, name: keyof ObjectStore) => {
      const member = target[name];
      if (typeof member !== 'function') return member;
      const invoke = member.bind(target) as (...words: unknown[]) => unknown;
      if (name !== 'list') return async (...words: unknown[]) => step(name, words[0]).then(() => invoke(...words));
      return async function* (...words: unknown[]) {
        await step(name, words[0]);
        yield* invoke(...words) as ReturnType<ObjectStore['list']>;
      };
    },
  });
  return { seen, isReached: () => calls >= call };
}

function assertWaits(error: unknown): void {
  expect(error).toBeInstanceOf(SweepUnderWay);
}

async function count(prefix: string): Promise<number> {
  let found = 0;
  for await (const _ of store.list(prefix)) found++;
  return found;
}
