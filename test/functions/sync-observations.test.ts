import { setImmediate as othersFirst } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { countingStore } from '#bench/counting-store.ts';
import { BadInput, StoreTransient } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SyncView } from '#functions/observe/observe-sync.ts';
import { SyncObservations } from '#functions/observe/sync-observations.ts';
import { BusyFleet } from '#simulate/busy-fleet.ts';
import { OTHER_SYNC } from '#test/core/samples.ts';
import { CallCounter } from '#test/support/call-counter.ts';

const NOW = new Date('2026-06-01T12:00:00Z');

let counter: CallCounter;
let memory: MemoryStore;
let fleet: BusyFleet;
let clock: Date;

beforeEach(() => {
  counter = new CallCounter();
  memory = new MemoryStore();
  clock = NOW;
});

async function busyFleet(servers: number, waveSize: number): Promise<void> {
  fleet = new BusyFleet(memory, { servers, waveSize, past: 0 }, NOW);
  await fleet.make(NOW, { wave: 1 });
}

/** Nobody looks a second time before `tick`. */
function observing(store: ObjectStore = countingStore(memory, counter)) {
  let paused = Promise.withResolvers<void>();
  let next = Promise.withResolvers<void>();
  const stopped: AbortSignal[] = [];
  const pause = async (_milliseconds: number, signal: AbortSignal) => {
    stopped.push(signal);
    paused.resolve();
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await Promise.race([next.promise, aborted]);
  };
  const now = () => clock;
  const options = { controlKey: async () => fleet.controlKey, now, pollMilliseconds: 1000, pause };
  return {
    observations: new SyncObservations(store, options),
    stopped,
    rests: async () => {
      await paused.promise;
      await othersFirst();
    },
    /** One more look of every loop, to its end. */
    tick: async () => {
      const { resolve } = next;
      [paused, next] = [Promise.withResolvers(), Promise.withResolvers()];
      resolve();
      await paused.promise;
      await othersFirst();
    },
  };
}

/** Takes views as they come. */
class Watcher {
  readonly seen: SyncView[] = [];
  readonly ended: Promise<unknown>;
  readonly #stopping = new AbortController();

  constructor(observations: SyncObservations, sync = fleet.sync) {
    this.ended = this.#watch(observations, sync).catch((error: unknown) => error);
  }

  async leave(): Promise<void> {
    this.#stopping.abort(new Error('enough'));
    await this.ended;
  }

  async #watch(observations: SyncObservations, sync: BusyFleet['sync']): Promise<void> {
    for await (const view of observations.watch(sync, this.#stopping.signal)) this.seen.push(view);
  }
}

describe('those who watch the same sync', () => {
  it.each([1, 50])('cost as many reads as one, be they %i', async (watchers) => {
    await busyFleet(60, 10);
    const { observations, rests, tick } = observing();
    const all = Array.from({ length: watchers }, () => new Watcher(observations));
    await rests();
    for (let look = 0; look < 3; look++) {
      await fleet.advance(NOW);
      counter.take();
      await tick();
      // The sync itself, the answers of those at work, and the progress of all but the one that has answered.
      expect(counter.take()).toMatchObject({ lists: 0, writes: 0, reads: 3 + 2 * (9 - look) - 1 });
    }
    for (const { seen } of all) expect(seen).toEqual(all[0]?.seen);
    expect(all[0]?.seen).toHaveLength(4);
    await Promise.all(all.map((one) => one.leave()));
  });

  it('see at once what is known when they come late', async () => {
    await busyFleet(20, 10);
    const { observations, rests } = observing();
    const first = new Watcher(observations);
    await rests();
    counter.take();
    const late = new Watcher(observations);
    await othersFirst();
    expect(late.seen).toEqual(first.seen);
    expect(counter.take().reads).toBe(0);
    await Promise.all([first.leave(), late.leave()]);
  });

  it('end the observation when the last of them leaves, and begin it anew', async () => {
    await busyFleet(20, 10);
    const { observations, rests, stopped, tick } = observing();
    const [first, second] = [new Watcher(observations), new Watcher(observations)];
    await rests();
    await first.leave();
    expect(stopped.map(({ aborted }) => aborted)).toEqual([false]);
    await second.leave();
    expect(stopped.map(({ aborted }) => aborted)).toEqual([true]);
    const third = new Watcher(observations);
    await tick();
    expect(third.seen).toHaveLength(1);
    await third.leave();
  });

  it('are told of a verdict, and of nothing after it', async () => {
    await busyFleet(20, 10);
    const { observations, rests, tick } = observing();
    const watcher = new Watcher(observations);
    await rests();
    await fleet.end(NOW);
    void tick();
    await watcher.ended;
    expect(watcher.seen.map(({ phase }) => phase)).toEqual(['applying', 'done']);
    counter.take();
    expect((await observations.look(fleet.sync)).verdict).toBeDefined();
    expect(counter.take().reads).toBe(0);
  });

  it('are not woken by a look that found nothing new', async () => {
    await busyFleet(20, 10);
    const { observations, rests, tick } = observing();
    const watcher = new Watcher(observations);
    await rests();
    await tick();
    expect(watcher.seen).toHaveLength(1);
    await watcher.leave();
  });

  it('all meet what one look meets, and whoever comes next tries again', async () => {
    await busyFleet(20, 10);
    const { observations } = observing();
    const watchers = [new Watcher(observations, OTHER_SYNC), new Watcher(observations, OTHER_SYNC)];
    for (const { ended } of watchers) expect(await ended).toBeInstanceOf(BadInput);
    expect(await new Watcher(observations, OTHER_SYNC).ended).toBeInstanceOf(BadInput);
  });

  it('outlast a store that does not answer for a while', async () => {
    await busyFleet(20, 10);
    let isOut = true;
    const flaky = new Proxy(memory, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        if (name !== 'get' || !isOut) return member.bind(target);
        return async (key: string) => {
          throw new StoreTransient(key, 'out for a moment');
        };
      },
    });
    const { observations, rests, tick } = observing(flaky);
    const watcher = new Watcher(observations);
    await rests();
    isOut = false;
    await tick();
    expect(watcher.seen).toHaveLength(1);
    await watcher.leave();
  });
});

describe('a look', () => {
  it('is shared by those who ask at the same time, and sees what was written before somebody asked', async () => {
    await busyFleet(20, 10);
    const { observations } = observing();
    await observations.look(fleet.sync);
    counter.take();
    await observations.look(fleet.sync);
    const { reads } = counter.take();
    const under = observations.look(fleet.sync);
    await fleet.end(NOW);
    const views = await Promise.all(Array.from({ length: 20 }, () => observations.look(fleet.sync)));
    expect(views.map(({ phase }) => phase)).toEqual(views.map(() => 'done'));
    await under;
    expect(counter.take().reads).toBeLessThanOrEqual(2 * reads);
  });

  it('serves those who ask again and again for two seconds', async () => {
    await busyFleet(20, 10);
    const { observations } = observing();
    const first = await observations.recent(fleet.sync);
    await fleet.advance(NOW);
    clock = new Date(NOW.getTime() + 1999);
    counter.take();
    expect(await observations.recent(fleet.sync)).toBe(first);
    expect(counter.take().reads).toBe(0);
    clock = new Date(NOW.getTime() + 2000);
    expect(await observations.recent(fleet.sync)).not.toBe(first);
  });

  it('asks no server whose turn it has not been', async () => {
    await busyFleet(1000, 10);
    const { observations } = observing();
    const { servers, wave } = await observations.look(fleet.sync);
    expect(wave).toBe(1);
    expect(servers).toHaveLength(1000);
    // Answers of both waves, progress of those at work, and what there is of the sync itself.
    expect(counter.take().reads).toBeLessThan(50);
  });

  it('finds the wave at work among a hundred by few questions', async () => {
    fleet = new BusyFleet(memory, { servers: 1000, waveSize: 10, past: 0 }, NOW);
    await fleet.make(NOW, { wave: 73 });
    const { observations } = observing();
    expect((await observations.look(fleet.sync)).wave).toBe(73);
    expect(counter.calls.filter(({ key }) => key.includes('/waves/')).length).toBeLessThan(15);
  });

  it('asks a bounded number of a wave of a thousand, one after the other', async () => {
    fleet = new BusyFleet(memory, { servers: 1000, waveSize: 1000, past: 0 }, NOW);
    await fleet.make(NOW, { wave: 0 });
    const { observations } = observing();
    await observations.look(fleet.sync);
    await fleet.advance(NOW);
    counter.take();
    const looks: SyncView[] = [];
    for (let look = 0; look < 10; look++) {
      looks.push(await observations.look(fleet.sync));
      expect(counter.take().reads).toBeLessThanOrEqual(210);
    }
    const news = (view: SyncView | undefined) =>
      view?.servers.filter(({ progress }) => progress?.filesDone === 2).length;
    expect(news(looks[0])).toBeLessThan(100);
    expect(news(looks.at(-1))).toBe(800);
  });
});
