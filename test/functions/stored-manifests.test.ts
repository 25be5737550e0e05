import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { compressLines } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { createManifest, encodeManifest, type Manifest } from '#core/manifest.ts';
import { encodeManifestDelta } from '#core/manifest-delta.ts';
import { deltaHeaderLine } from '#core/manifest-layers.ts';
import { entriesOf } from '#core/manifest-lines.ts';
import { serverIdSchema } from '#core/server.ts';
import { loadManifest } from '#functions/plan/stock.ts';
import { file } from '#test/support/fake-fleet.ts';

const SERVER = serverIdSchema.parse('plant-a/tm1');
const PROFILE = sha256('profile');

const [first, second, third] = ['1', '2', '3'].map((content) =>
  createManifest(PROFILE, [file('a.cfg', content), file('b.cfg', 'b')]),
) as [Manifest, Manifest, Manifest];

let store: MemoryStore;

beforeEach(async () => {
  store = new MemoryStore();
  await store.put(keyOf(first), encodeManifest(first));
  for (const [base, manifest] of [
    [first, second],
    [second, third],
  ] as const) {
    const former = await loadManifest(store, SERVER, base.summary.manifest);
    await store.put(keyOf(manifest), encodeManifestDelta(former, manifest));
  }
});

function keyOf({ summary }: Manifest): string {
  return keys.manifest(SERVER, summary.manifest);
}

function load({ summary }: Manifest) {
  return loadManifest(store, SERVER, summary.manifest);
}

/** A delta without a line, on top of any base. */
function forged(base: Sha256, depth: number): Uint8Array {
  return compressLines([deltaHeaderLine({ base, depth, profile: PROFILE })]);
}

describe('a manifest that lies in the store as deltas', () => {
  it('is read with all that it is made of', async () => {
    const stored = await load(third);
    expect(stored.layers).toHaveLength(3);
    expect([...entriesOf(stored)]).toEqual(third.entries);
  });

  it('is refused with the way out when something below it is missing', async () => {
    await store.delete(keyOf(first));
    const loading = load(third);
    await expect(loading).rejects.toThrow(InvalidDocument);
    await expect(loading).rejects.toThrow(`${keyOf(first)} below it is missing: remove ${keyOf(third)}`);
  });

  it('is refused when its deltas lead round in a circle', async () => {
    const [one, two] = [sha256('one'), sha256('two')];
    await store.put(keys.manifest(SERVER, one), forged(two, 8));
    await store.put(keys.manifest(SERVER, two), forged(one, 7));
    const loading = loadManifest(store, SERVER, one);
    await expect(loading).rejects.toThrow(InvalidDocument);
    await expect(loading).rejects.toThrow(keys.manifest(SERVER, one));
  });

  it('is refused when a delta says that it is no deeper than its base', async () => {
    const one = sha256('one');
    await store.put(keys.manifest(SERVER, one), forged(third.summary.manifest, 2));
    await expect(loadManifest(store, SERVER, one)).rejects.toThrow(keyOf(third));
  });

  it('is refused when it is deeper than any may be', async () => {
    const one = sha256('one');
    await store.put(keys.manifest(SERVER, one), forged(third.summary.manifest, 9));
    await expect(loadManifest(store, SERVER, one)).rejects.toThrow(InvalidDocument);
  });
});
