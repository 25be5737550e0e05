import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { beforeEach, expect, test, vi } from 'vitest';
import { HashThread } from '#adapters/hash-thread.ts';
import { findStoredDifferences } from '#core/differences.ts';
import { createManifest, encodeManifest, type ManifestEntry } from '#core/manifest.ts';
import type { StoredManifest } from '#core/manifest-lines.ts';
import { compareStocks } from '#functions/plan/compare-stocks.ts';
import { manifestOf, PROFILE_DIGEST } from '../core/samples.ts';

const POLICY = { mode: 'mirror' } as const;
const hashers = vi.spyOn(HashThread.prototype, 'createHash');

beforeEach(() => void hashers.mockClear());

test('large manifests are hashed by a thread, with the same outcome', ({ skip }) => {
  skip(availableParallelism() === 1, 'there is one processor');
  const [source, destination] = [large('ours'), large('theirs')];
  expect(compareStocks(source, destination, POLICY)).toEqual(findStoredDifferences(source, destination, POLICY));
  expect(hashers).toHaveBeenCalled();
});

test('small ones are not worth one', () => {
  const [source, destination] = [stored(manifestOf({ a: 'ours' })), stored(manifestOf({ a: 'theirs' }))];
  expect(compareStocks(source, destination, POLICY)).toEqual(findStoredDifferences(source, destination, POLICY));
  expect(hashers).not.toHaveBeenCalled();
});

/** Nearly all of it what hardly compresses: names of eight thousand characters. */
function large(content: string): StoredManifest {
  const names = Array.from({ length: 2600 }, (_, number): ManifestEntry => {
    const name = createHash('shake256', { outputLength: 4000 }).update(String(number)).digest('hex');
    return { kind: 'unnameable', path: `${name}/`, reason: 'it is too long' };
  });
  return stored(
    createManifest(PROFILE_DIGEST, [...manifestOf({ 'a.cfg': content, 'b.cfg': 'same' }).entries, ...names]),
  );
}

function stored(manifest: ReturnType<typeof createManifest>): StoredManifest {
  return { what: 'manifest', digest: manifest.summary.manifest, layers: [encodeManifest(manifest)] };
}
