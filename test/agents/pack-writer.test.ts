import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import type { EncodedChunk } from '#agents/cut-files.ts';
import { PackWriter } from '#agents/pack-writer.ts';
import type { Chunk } from '#core/chunk-index.ts';
import { sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';

const MIB = 1024 * 1024;
const LONGEST_PACK = 8 * MIB;

it('keeps callers waiting while two packs are on their way, and loses none of their chunks', async () => {
  const store = new SlowStore();
  const placed: Chunk[] = [];
  const packs = new PackWriter(store, { ...NO_EVENTS, placed: (chunk) => void placed.push(chunk) }, undefined);
  let taken = 0;
  const callers = ['one', 'other'].map(async (caller) => {
    for (let number = 0; number < 40; number++) {
      const bytes = Buffer.alloc(MIB, `${caller} ${number}`);
      await packs.add([chunkOf(bytes)], bytes);
      taken += 1;
    }
  });
  for (let turn = 0; turn < 100; turn++) await setImmediate();
  expect([store.waiting.length, taken < 80]).toEqual([2, true]);
  let most = 0;
  while (taken < 80) {
    most = Math.max(most, store.waiting.length);
    store.waiting.shift()?.();
    await setImmediate();
  }
  store.letAllPass();
  await Promise.all(callers);
  await packs.finish();
  expect(most).toBe(2);
  expect(new Set(placed.map(({ sha256: digest }) => digest)).size).toBe(80);
  for (const { length, offset, pack, sha256: digest } of placed) {
    const { body } = (await store.get(keys.pack(pack))) ?? expect.unreachable();
    expect(body.length).toBeLessThanOrEqual(LONGEST_PACK);
    expect(sha256(body.subarray(offset, offset + length))).toBe(digest);
  }
});

it('tells its callers of an upload that failed', async () => {
  const store = new SlowStore();
  const packs = new PackWriter(store, NO_EVENTS, undefined);
  const bytes = Buffer.alloc(MIB, 'some');
  const filling = (async () => {
    for (let times = 0; times < 100; times++) await packs.add([chunkOf(bytes)], bytes);
  })();
  store.failure = new Error('the store is full');
  store.letAllPass();
  await expect(filling).rejects.toThrow('the store is full');
  await expect(packs.finish()).rejects.toThrow('the store is full');
});

/** Holds back what is to be created. */
class SlowStore extends MemoryStore {
  readonly waiting: (() => void)[] = [];
  failure: Error | undefined;
  #isOpen = false;

  override async create(...call: Parameters<MemoryStore['create']>): ReturnType<MemoryStore['create']> {
    if (!this.#isOpen) await new Promise<void>((resolve) => void this.waiting.push(resolve));
    if (this.failure !== undefined) throw this.failure;
    return super.create(...call);
  }

  letAllPass(): void {
    this.#isOpen = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

function chunkOf(bytes: Uint8Array): EncodedChunk {
  return { sha256: sha256(bytes), size: bytes.length, length: bytes.length, encoding: 'raw', bases: [] };
}

const NO_EVENTS = { placed: () => undefined, uploading: async () => undefined, uploaded: async () => undefined };
