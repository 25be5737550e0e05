import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { decodeIndex } from '#core/chunk-index.ts';
import { sha256, sha256Schema } from '#core/digest.ts';
import { keys, orderId } from '#core/keys.ts';
import { decodePart, encodePart } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { decodeSnapshot } from '#core/snapshot.ts';
import { createSyncId } from '#core/sync.ts';
import { readTree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, type Planned, SOURCE } from './control.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const OLD = noise('firmware', 300_000);
const NEW = Buffer.from(OLD).fill('edited', 150_000, 150_100);
const TEXT = Array.from({ length: 3000 }, (_, line) => `line ${line} ${sha256(`${line}`).slice(0, line % 30)}`).join(
  '\n',
);

let folder: string;
let store: ObjectStore;
let control: Control;
let source: string;
let destination: string;
let syncs: number;

beforeEach(async () => {
  folder = join(testFolder(), 'store');
  store = await DirectoryStore.open(folder);
  control = new Control(store);
  [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
  syncs = 0;
  writeTree(source, { 'firmware/a.bin': OLD, 'text.txt': TEXT });
  writeTree(destination, { 'mine.ini': 'stays', 'text.txt': 'old', 'x.lic': 'ours' });
  control.start(SOURCE, source);
  control.start(DESTINATION, destination);
  // Two snapshots: two indexes, and a delta whose base is in another pack.
  await control.inventory(SOURCE, true);
  writeFileSync(join(source, 'firmware/a.bin'), NEW);
});

function anew({ header, operations }: Planned): Pick<Planned, 'header' | 'operations'> {
  const sync = createSyncId(new Date(), (++syncs).toString(16).padStart(5, 'c'));
  return { header: { ...header, sync }, operations };
}

async function keysBelow(prefix: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
}

/** The first byte, the last, and some in between that are the same in every run. */
function positionsIn(size: number): number[] {
  const within = [1, 2].map((number) => Number.parseInt(sha256(`${number} of ${size}`).slice(0, 8), 16) % size);
  return [...new Set([0, ...within, size - 1])];
}

function flipped(bytes: Uint8Array, at: number): Buffer {
  const bent = Buffer.from(bytes);
  bent[at] = (bytes[at] ?? 0) ^ 0x20;
  return bent;
}

/** A frame of zstd has bits that decide nothing; what it holds is then proved by its digest all the same. */
function isStillTheSame(key: string, bytes: Uint8Array): boolean {
  const digest = sha256Schema.parse(key.split('/').at(-1));
  try {
    if (key.startsWith('indexes/')) decodeIndex(bytes, digest);
    else if (key.startsWith('snapshots/')) decodeSnapshot(bytes, digest);
    else if (key.startsWith('syncs/')) decodePart(bytes, digest);
    else return false;
    return true;
  } catch {
    return false;
  }
}

async function withByteFlipped(key: string, at: number, work: () => Promise<void>): Promise<void> {
  const path = join(folder, key);
  const bytes = readFileSync(path);
  const bent = flipped(bytes, at);
  if (isStillTheSame(key, bent)) return;
  writeFileSync(path, bent);
  await work();
  writeFileSync(path, bytes);
}

describe('a store in which a byte has changed', () => {
  it.each(['packs/', 'indexes/', 'snapshots/'])('below %s: refused by name, nothing is changed', async (prefix) => {
    const planned = await control.plan();
    const before = readTree(destination);
    const all = await keysBelow(prefix);
    const needed = prefix === 'snapshots/' ? [keys.snapshot(planned.header.snapshot)] : all;
    expect(needed.length).toBeGreaterThanOrEqual(prefix === 'snapshots/' ? 1 : 2);
    for (const key of needed) {
      for (const at of positionsIn(readFileSync(join(folder, key)).length)) {
        await withByteFlipped(key, at, async () => {
          const receipt = await control.apply(anew(planned));
          expect(receipt, `byte ${at} of ${key}`).toMatchObject({
            outcome: 'REFUSED',
            reason: 'UNREADABLE',
            detail: expect.stringContaining(key),
          });
        });
        expect(readTree(destination)).toEqual(before);
      }
    }
    expect(await control.apply(anew(planned))).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it('in a part: refused by name, nothing is changed', async () => {
    const planned = await control.plan();
    const before = readTree(destination);
    const { size } = encodedPart(anew(planned));
    for (const at of positionsIn(size)) {
      const { header, operations } = anew(planned);
      const { bytes, digest } = encodePart({ header, operations });
      const key = keys.part(header.sync, DESTINATION, digest);
      const bent = flipped(bytes, Math.min(at, bytes.length - 1));
      if (isStillTheSame(key, bent)) continue;
      await store.put(key, bent);
      const order = orderId(header.sync, 'apply', DESTINATION);
      const draft = { step: 'apply', sync: header.sync, plan: digest, part: digest, order } as const;
      expect(await control.receipt(await control.order(DESTINATION, draft))).toMatchObject({
        outcome: 'REFUSED',
        detail: expect.stringMatching(new RegExp(`${key}.*start a new sync`)),
      });
      expect(readTree(destination)).toEqual(before);
    }
  });

  it.each(['packs/', 'indexes/', 'snapshots/'])(
    'below %s is repaired by doing what the refusal says',
    async (prefix) => {
      const planned = await control.plan();
      const [key = expect.unreachable()] =
        prefix === 'snapshots/' ? [keys.snapshot(planned.header.snapshot)] : await keysBelow(prefix);
      const path = join(folder, key);
      const bytes = readFileSync(path);
      const middle = bytes.length >> 1;
      bytes[middle] = (bytes[middle] ?? 0) ^ 0x20;
      writeFileSync(path, bytes);
      for (const isMissing of [false, true]) {
        if (isMissing && prefix !== 'snapshots/') rmSync(join(folder, key));
        const receipt = await control.apply(anew(planned));
        if (!('detail' in receipt)) expect.unreachable();
        const [, named = '', url = ''] = /remove (.+?) from (\S+), then start a new sync/.exec(receipt.detail) ?? [];
        expect(url).toBe(store.url);
        expect(named.split(' and ')).toEqual([...new Set([key, keys.snapshot(planned.header.snapshot)])]);
        if (isMissing) for (const one of named.split(' and ')) rmSync(join(folder, one), { force: true });
      }
      expect(await control.apply(anew(await control.plan()))).toMatchObject({ outcome: 'SUCCEEDED' });
      expect(readFileSync(join(destination, 'firmware/a.bin')).equals(NEW)).toBe(true);
      expect(readFileSync(join(destination, 'text.txt'), 'utf8')).toBe(TEXT);
    },
  );
});

function encodedPart(planned: Pick<Planned, 'header' | 'operations'>): { readonly size: number } {
  return { size: encodePart(planned).bytes.length };
}
