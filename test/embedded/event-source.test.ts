import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { countingStore } from '#bench/counting-store.ts';
import { keys, orderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import { syncIdSchema } from '#core/sync.ts';
import { EventSource } from '#embedded/event-source.ts';

const SYNC = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
const SERVERS = Array.from({ length: 500 }, (_, number) => serverIdSchema.parse(`plant-a/tm${number}`));

let memory: MemoryStore;
let looks: number;
let events: EventSource;
let delivered: string[];
let stopping: AbortController;
let running: Promise<void> | undefined;

beforeEach(() => {
  memory = new MemoryStore();
  looks = 0;
  events = new EventSource(countingStore(memory, { add: () => looks++ }));
  delivered = [];
  stopping = new AbortController();
  for (const server of SERVERS) events.watch({ sync: SYNC, order: { step: 'apply', server } });
});

afterEach(async () => {
  stopping.abort();
  await running;
});

function run(
  pollMilliseconds: number,
  deliver: (key: string) => Promise<void> = async (key) => void delivered.push(key),
) {
  running = events.run(deliver, { pollMilliseconds, signal: stopping.signal, onError: () => undefined });
}

function receiptOf(number: number): string {
  const server = SERVERS[number] ?? serverIdSchema.parse('no/such');
  return keys.receipt(server, orderId(SYNC, 'apply', server));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('the embedded engine’s stand-in for events', () => {
  it('looks at what it was told of, and not at the thousand other objects that are waited for', async () => {
    run(3_600_000);
    await until(() => looks === 2 * SERVERS.length);
    for (let number = 0; number < 100; number++) {
      await memory.put(receiptOf(number), Buffer.from('done'));
      events.tell(receiptOf(number));
      await until(() => delivered.length === number + 1);
    }
    expect(new Set(delivered).size).toBe(100);
    expect(looks).toBe(2 * SERVERS.length + 100);
  });

  it('finds at its next round what nobody told it of', async () => {
    run(1);
    await memory.put(receiptOf(7), Buffer.from('done'));
    await until(() => delivered.length > 0);
    expect(delivered).toEqual([receiptOf(7)]);
  });

  it('comes back to what could not be delivered', async () => {
    let attempts = 0;
    run(1, async (key) => {
      if (++attempts === 1) throw new Error('busy');
      delivered.push(key);
    });
    await memory.put(receiptOf(3), Buffer.from('done'));
    events.tell(receiptOf(3));
    await until(() => delivered.length > 0);
    expect(attempts).toBe(2);
  });
});
