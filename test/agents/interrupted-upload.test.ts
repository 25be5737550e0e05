import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { StorePermanent } from '#core/errors.ts';
import type { CallOptions, ObjectInfo } from '#core/ports/object-store.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { writeTree } from '#test/support/trees.ts';
import { Control, SOURCE } from './control.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const SIZE = 30 * 1024 * 1024;

let store: UploadStore;
let control: Control;
let root: string;

beforeEach(() => {
  store = new UploadStore();
  control = new Control(store);
  root = testFolder();
  writeTree(root, { 'firmware/a.bin': noise('a', SIZE) });
  control.start(SOURCE, root, { stateFolder: testFolder(), signer: createKeySigner() });
});

describe('an upload that was cut off', () => {
  it.each([
    ['before a pack was written', 'before'],
    ['when a pack was written and nobody heard of it', 'after'],
  ] as const)('%s sends again nothing that is in the store', async (_, death) => {
    store.death = { packsLeft: 2, death };
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: true });
    expect(await control.receipt(order)).toMatchObject({ outcome: 'FAILED' });
    const uploaded = store.bytesSent;
    expect(uploaded).toBeGreaterThan(SIZE / 6);
    store.death = undefined;
    await control.inventory(SOURCE, true);
    expect(store.bytesSent).toBe(SIZE);
  });

  it('asks for packs only then: neither before nor ever again', async () => {
    store.death = { packsLeft: 2, death: 'before' };
    await control.receipt(await control.order(SOURCE, { step: 'inventory', snapshot: true }));
    expect(store.heads).toBe(0);
    store.death = undefined;
    await control.inventory(SOURCE, true);
    const { heads } = store;
    expect(heads).toBeGreaterThan(0);
    expect(heads).toBeLessThanOrEqual(Math.ceil(SIZE / PACK_BYTES) + 1);
    writeFileSync(join(root, 'b.txt'), 'new');
    await control.inventory(SOURCE, true);
    expect(store.heads).toBe(heads);
  });
});

const PACK_BYTES = 8 * 1024 * 1024;

/** Counts what is sent for packs, and fails as a dying process sees it. */
class UploadStore extends MemoryStore {
  bytesSent = 0;
  heads = 0;
  death: { packsLeft: number; readonly death: 'before' | 'after' } | undefined;

  override async create(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    if (!key.startsWith('packs/')) return super.create(key, body, options);
    const isDead = this.death !== undefined && this.death.packsLeft-- <= 0;
    if (isDead && (this.death?.death === 'before' || (this.death?.packsLeft ?? 0) < -1))
      throw new StorePermanent(key, 'cut off');
    // S3 takes the body before it says that the object exists.
    this.bytesSent += body.length;
    const written = await super.create(key, body, options);
    if (isDead) throw new StorePermanent(key, 'cut off');
    return written;
  }

  override head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    if (key.startsWith('packs/')) this.heads++;
    return super.head(key, options);
  }
}
