import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { meteredStore, TransferMeter } from '#agents/metered-store.ts';
import { downloadBytesPerSecond, rememberTransfer } from '#agents/transfer-rate.ts';
import { readTree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const MIB = 1024 * 1024;

describe('the meter of an order', () => {
  it('counts the bodies of everything that is read, and of everything that is written', async () => {
    const meters = { down: new TransferMeter(), up: new TransferMeter() };
    const store = meteredStore(new MemoryStore(), meters);
    const { etag } = await store.create('a', Buffer.alloc(10));
    await store.replace('a', Buffer.alloc(20), etag);
    await store.put('b', Buffer.alloc(3));
    expect([meters.up.bytes, meters.down.bytes]).toEqual([33, 0]);
    await store.get('a');
    await store.getRange('a', { offset: 15, length: 100 });
    const { etag: now } = (await store.head('a')) ?? expect.unreachable();
    expect(await store.getIfChanged('a', now)).toBe('not-modified');
    await store.getIfChanged('a', 'another');
    await store.get('none');
    expect([meters.up.bytes, meters.down.bytes]).toEqual([33, 45]);
  });

  it('counts the time of calls side by side once, and of pauses not at all', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const meter = new TransferMeter();
    const [long, short] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    const begin = (promise: Promise<number>) =>
      meter.measure(
        (bytes) => bytes,
        () => promise,
      );
    const first = begin(long.promise);
    vi.advanceTimersByTime(500);
    const second = begin(short.promise);
    vi.advanceTimersByTime(1000);
    short.resolve(5);
    await second;
    vi.advanceTimersByTime(2000);
    expect(meter.seconds).toBe(3.5);
    long.reject(new Error('cut off'));
    await expect(first).rejects.toThrow('cut off');
    vi.advanceTimersByTime(4000);
    expect([meter.bytes, meter.seconds]).toEqual([5, 3.5]);
  });
});

describe('the rate that an agent says', () => {
  it('is not said before the first transfer that was large enough to mean something', async () => {
    const folder = testFolder();
    expect(await downloadBytesPerSecond(folder, undefined)).toBeUndefined();
    await rememberTransfer(folder, { bytes: MIB - 1, seconds: 1 });
    expect(await downloadBytesPerSecond(folder, 1000)).toBeUndefined();
    await rememberTransfer(folder, { bytes: MIB, seconds: 2 });
    expect(await downloadBytesPerSecond(folder, undefined)).toBe(MIB / 2);
  });

  it('is that of the last five transfers together', async () => {
    const folder = testFolder();
    await rememberTransfer(folder, { bytes: 100 * MIB, seconds: 1 });
    for (const seconds of [1, 1, 1, 1, 6]) await rememberTransfer(folder, { bytes: 2 * MIB, seconds });
    expect(await downloadBytesPerSecond(folder, undefined)).toBe(MIB);
  });

  it('is never above the limit that is set', async () => {
    const folder = testFolder();
    await rememberTransfer(folder, { bytes: 10 * MIB, seconds: 1 });
    expect(await downloadBytesPerSecond(folder, 1000)).toBe(1000);
    expect(await downloadBytesPerSecond(folder, 100 * MIB)).toBe(10 * MIB);
  });

  it('is measured anew where what was remembered is damaged', async () => {
    const folder = testFolder();
    await rememberTransfer(folder, { bytes: MIB, seconds: 1 });
    writeFileSync(join(folder, 'transfers.json'), readFileSync(join(folder, 'transfers.json')).subarray(3));
    expect(await downloadBytesPerSecond(folder, undefined)).toBeUndefined();
    await rememberTransfer(folder, { bytes: 2 * MIB, seconds: 1 });
    expect(await downloadBytesPerSecond(folder, undefined)).toBe(2 * MIB);
  });
});

describe('a receipt', () => {
  const tree = { 'firmware/a.bin': noise('firmware', 2 * MIB) };

  async function begin(store?: MemoryStore): Promise<{ control: Control; destination: string }> {
    const control = new Control(store);
    const [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
    writeTree(source, tree);
    writeTree(destination, {});
    control.start(SOURCE, source);
    control.start(DESTINATION, destination);
    return { control, destination };
  }

  it('says what was fetched and how long that took, and the next inventory the rate of it', async () => {
    const { control } = await begin();
    const planned = await control.plan();
    expect(planned.source.receipt.secondsUploading).toBeGreaterThanOrEqual(0);
    expect(planned.destination.receipt.facts).not.toHaveProperty('downloadBytesPerSecond');
    const receipt = await control.apply(planned);
    expect(receipt).toMatchObject({ outcome: 'SUCCEEDED', secondsFetching: expect.any(Number) });
    expect(receipt.bytesFetched).toBeGreaterThan(2 * MIB);
    const { facts } = (await control.inventory(DESTINATION, false)).receipt;
    const [bytes, seconds] = [receipt.bytesFetched ?? 0, receipt.secondsFetching ?? 0];
    expect(facts.downloadBytesPerSecond).toBe(Math.floor(bytes / seconds));
  });

  it('of an order that was not carried out says what it has cost all the same', async () => {
    const { control, destination } = await begin(new BrokenPacks());
    const before = readTree(destination);
    const receipt = await control.apply(await control.plan());
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'UNREADABLE' });
    expect(receipt.bytesFetched).toBeGreaterThan(100);
    expect(receipt.secondsFetching).toBeGreaterThanOrEqual(0);
    expect(readTree(destination)).toEqual(before);
  });
});

/** Forgets what is in its packs. */
class BrokenPacks extends MemoryStore {
  override async getRange(...call: Parameters<MemoryStore['getRange']>): ReturnType<MemoryStore['getRange']> {
    const found = await super.getRange(...call);
    return found?.fill(0);
  }
}
