import { expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { countStates, mostUrgent, type ShownServer, statesOf } from '#functions/observe/destination-states.ts';
import { lookAtSync } from '#functions/observe/observe-sync.ts';
import { BusyFleet } from '#simulate/busy-fleet.ts';
import { server } from '#test/core/samples.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const { signal } = new AbortController();

it('tells who is at work, who has failed, and whose turn it has not been', async () => {
  const store = new MemoryStore();
  const fleet = new BusyFleet(store, { servers: 60, waveSize: 20, past: 0 }, NOW);
  await fleet.make(NOW, { wave: 1 });
  const look = () => lookAtSync(store, fleet.sync, { signal, controlKey: fleet.controlKey });
  expect(Object.fromEntries(countStates(statesOf(await look())))).toEqual({
    ...{ failed: 1, running: 18, waiting: 0, 'not-begun': 20, done: 21 },
  });
  await fleet.end(NOW);
  expect(Object.fromEntries(countStates(statesOf(await look())))).toEqual({
    ...{ failed: 3, running: 0, waiting: 0, 'not-begun': 0, done: 57 },
  });
});

it('leaves a few as they are, and of many shows what failed and what is at work', () => {
  const few = [...some('done', 2), ...some('failed', 1)];
  expect(mostUrgent(few, 3)).toEqual(few);
  const statesIn = (shown: readonly ShownServer[]) =>
    Object.fromEntries([...countStates(shown)].filter(([, n]) => n > 0));
  const many = [...some('not-begun', 50), ...some('done', 50), ...some('running', 50), ...some('failed', 50)];
  expect(mostUrgent(many, 30).map(({ state }) => state)).toEqual([
    ...Array(10).fill('failed'),
    ...Array(20).fill('running'),
  ]);
  expect(statesIn(mostUrgent([...some('done', 5), ...some('failed', 50)], 30))).toEqual({ failed: 25, done: 5 });
});

function some(state: ShownServer['state'], number: number): ShownServer[] {
  return Array.from({ length: number }, (_, index) => ({
    ...{ server: server(`site/${state}-${index}`), state, view: undefined, verdict: undefined },
  }));
}
