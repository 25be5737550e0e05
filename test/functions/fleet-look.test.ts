import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { wrapStore } from '#adapters/wrap-store.ts';
import { countingStore } from '#bench/counting-store.ts';
import { StoreTransient } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { FleetLook } from '#functions/observe/fleet-look.ts';
import { BusyFleet } from '#simulate/busy-fleet.ts';
import { server } from '#test/core/samples.ts';
import { CallCounter } from '#test/support/call-counter.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const PATIENCE = { mostMilliseconds: 30_000, patienceMilliseconds: 20 };
const LONGER_THAN_PATIENCE = 100;
const FIRST = server('plant-000/line-controller-00000');

let memory: MemoryStore;
let store: ObjectStore;
let counter: CallCounter;
let fleet: BusyFleet;
let clock: Date;
/** What reads wait for. */
let held: Promise<void>;

beforeEach(async () => {
  [memory, counter, clock, held] = [new MemoryStore(), new CallCounter(), NOW, Promise.resolve()];
  store = countingStore(
    wrapStore(memory, async (_, run) => {
      await held;
      return await run();
    }),
    counter,
  );
  fleet = new BusyFleet(memory, { servers: 40, waveSize: 10, past: 2 }, NOW);
  await fleet.make(NOW, { wave: 1 });
});

function open(options: Partial<typeof PATIENCE> = PATIENCE): FleetLook {
  return new FleetLook(store, {
    controlKey: async () => fleet.controlKey,
    now: () => clock,
    ...{ mostMilliseconds: 0, ...options },
  });
}

function later(seconds: number): Date {
  clock = new Date(clock.getTime() + seconds * 1000);
  return clock;
}

/** From now on reads wait, until they are let go or fail. */
function hold(): PromiseWithResolvers<void> {
  const gate = Promise.withResolvers<void>();
  held = gate.promise;
  held.catch(() => undefined);
  return gate;
}

async function statusIn(look: FleetLook): Promise<unknown> {
  return (await look.look())?.servers.find((one) => one.server === FIRST)?.status;
}

describe('a fleet that nobody has looked at for a while', () => {
  it('is shown as it is now where it is read soon', async () => {
    const look = open();
    await look.look();
    await memory.delete(keys.status(FIRST));
    later(240);
    expect(await statusIn(look)).toBeUndefined();
  });

  it('is shown as it was where it is not, and as it is once that is read', async () => {
    const look = open();
    await look.look();
    const at = later(240);
    const gate = hold();
    expect((await look.look())?.at).toEqual(NOW);
    gate.resolve();
    await sleep(LONGER_THAN_PATIENCE);
    expect((await look.look())?.at).toEqual(at);
  });

  it('is waited for as long as it takes where nothing runs behind an answer', async () => {
    const look = open({});
    await look.look();
    const at = later(240);
    const gate = hold();
    const asked = look.look();
    await sleep(LONGER_THAN_PATIENCE);
    gate.resolve();
    expect((await asked)?.at).toEqual(at);
  });

  it('is not shown as it was once the store has failed: who asks meets that', async () => {
    const look = open();
    await look.look();
    later(240);
    const gate = hold();
    expect((await look.look())?.at).toEqual(NOW);
    gate.reject(new StoreTransient(keys.fleet(), 'it is gone'));
    await sleep(LONGER_THAN_PATIENCE);
    const again = hold();
    const asked = look.look();
    await sleep(LONGER_THAN_PATIENCE);
    again.reject(new StoreTransient(keys.fleet(), 'it is gone'));
    await expect(asked).rejects.toThrow('it is gone');
  });

  it('is not shown as it was beside a look that does not end', async () => {
    const look = open();
    await look.look();
    const at = later(240);
    const gate = hold();
    expect((await look.look())?.at).toEqual(NOW);
    const muchLater = later(31);
    const asked = look.look();
    await sleep(LONGER_THAN_PATIENCE);
    gate.resolve();
    expect((await asked)?.at).toEqual(at);
    await sleep(LONGER_THAN_PATIENCE);
    hold();
    expect((await look.look())?.at).toEqual(muchLater);
  });
});

describe('a fleet that is read ahead', () => {
  const forever = new AbortController().signal;

  it('is not read whole again, and shown with what has changed since', async () => {
    const look = open();
    await look.readAhead(forever);
    expect(counter.take().bytes).toBeGreaterThan(40_000);
    await memory.delete(keys.status(FIRST));
    expect(await statusIn(look)).toBeUndefined();
    expect(counter.take().bytes).toBeLessThan(10_000);
  });

  it('is not shown to who asks meanwhile without what was written before he asked', async () => {
    const statusRead = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    store = wrapStore(memory, async ({ key }, run) => {
      const read = await run();
      if (key === keys.status(FIRST)) statusRead.resolve();
      if (key === keys.currentOrder(FIRST)) await gate.promise;
      return read;
    });
    const look = open();
    const ahead = look.readAhead(forever);
    await statusRead.promise;
    await memory.delete(keys.status(FIRST));
    const asked = statusIn(look);
    gate.resolve();
    await ahead;
    expect(await asked).toBeUndefined();
  });

  it('is read whole once, also where somebody asks meanwhile', async () => {
    const look = open();
    const gate = hold();
    const both = [look.readAhead(forever), look.look()];
    gate.resolve();
    await Promise.all(both);
    expect(counter.calls.filter(({ key }) => key === keys.enrolment(FIRST))).toHaveLength(1);
  });

  it('is read no further once nobody will ask', async () => {
    const gate = hold();
    const stopping = new AbortController();
    const ahead = open().readAhead(stopping.signal);
    stopping.abort();
    gate.resolve();
    await expect(ahead).rejects.toThrow('aborted');
    expect(counter.take().reads).toBeLessThan(40);
  });

  it('is read by who asks where that has failed', async () => {
    const look = open();
    const gate = hold();
    const ahead = look.readAhead(forever);
    gate.reject(new StoreTransient(keys.fleet(), 'it is gone'));
    await expect(ahead).rejects.toThrow('it is gone');
    held = Promise.resolve();
    expect((await look.look())?.servers).toHaveLength(41);
  });
});
