import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { rangeBytes, throttledStore } from '#agents/throttled-store.ts';

const MIB = 1024 * 1024;

/** Time passes only as the test says. */
function stopTheClock(): void {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

/** Whether the promise has settled once everything that can go on has gone on. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  const later = new Promise((resolve) => setTimeout(resolve, 100, 'later'));
  return (await Promise.race([promise.then(() => 'done'), later])) === 'done';
}

describe('a throttled store', () => {
  it('lets the next call wait until the last is paid for', async () => {
    stopTheClock();
    const store = throttledStore(new MemoryStore(), () => MIB);
    await store.put('a', new Uint8Array(2 * MIB));
    const next = store.getRange('a', { offset: 0, length: 10 });
    expect(await isDone(next)).toBe(false);
    vi.advanceTimersByTime(1900);
    expect(await isDone(next)).toBe(false);
    vi.advanceTimersByTime(200);
    expect(await next).toHaveLength(10);
  });

  it('follows a limit that changes, or goes, in the middle of a wait', async () => {
    stopTheClock();
    let limit: number | undefined = 1;
    const store = throttledStore(new MemoryStore(), () => limit);
    await store.put('a', new Uint8Array(MIB));
    const next = store.get('a');
    expect(await isDone(next)).toBe(false);
    limit = undefined;
    expect((await next)?.body).toHaveLength(MIB);
  });

  it('ends a wait with its signal', async () => {
    stopTheClock();
    const store = throttledStore(new MemoryStore(), () => 1);
    await store.put('a', new Uint8Array(MIB));
    await expect(store.get('a', { signal: AbortSignal.timeout(30) })).rejects.toThrow();
  });

  it('is the store itself without a limit', () => {
    const store = new MemoryStore();
    expect(throttledStore(store, undefined)).toBe(store);
  });
});

describe('a range', () => {
  it.each([
    [undefined, 2 * MIB],
    [100 * MIB, 2 * MIB],
    [MIB, MIB],
    [1, 64 * 1024],
  ])('at a rate of %s bytes per second has %i bytes at most', (rate, bytes) => {
    expect(rangeBytes(rate)).toBe(bytes);
  });
});
