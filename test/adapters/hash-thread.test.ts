import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { HashThread } from '#adapters/hash-thread.ts';
import { findStoredDifferences } from '#core/differences.ts';
import type { Hasher } from '#core/digest.ts';
import { encodeManifest, type Manifest } from '#core/manifest.ts';
import type { StoredManifest } from '#core/manifest-lines.ts';
import { digest, manifestOf } from '../core/samples.ts';

describe('a hash thread', () => {
  const thread = new HashThread();
  afterAll(() => thread[Symbol.dispose]());

  test('says what Node says of bytes and texts of any length, whatever is hashed in between', () => {
    const lengths = fc.oneof(fc.nat(2000), fc.nat(600_000), fc.constantFrom(0, 262_119, 262_120, 262_121, 3_000_000));
    const steps = fc.array(
      fc.record({ hasher: fc.nat(4), length: lengths, isText: fc.boolean(), isCopied: fc.boolean() }),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(steps, (taken) => {
        const pairs = Array.from({ length: 5 }, () => ({ here: createHash('sha256') as Hasher, there: newHasher() }));
        for (const [index, { hasher, isCopied, isText, length }] of taken.entries()) {
          const pair = pairs[hasher % pairs.length];
          if (pair === undefined) continue;
          if (isCopied) pairs.push({ here: pair.here.copy(), there: pair.there.copy() });
          const bytes = Buffer.alloc(length, `step ${index}, `);
          for (const side of [pair.here, pair.there]) side.update(isText ? bytes.toString() : bytes);
        }
        const digests = pairs.map(({ here, there }) => ({ here: here.digest('hex'), there: there.digest('hex') }));
        expect(digests.map(({ there }) => there)).toEqual(digests.map(({ here }) => here));
      }),
      { numRuns: 30 },
    );
  });

  test('finds the same differences of two manifests, and sees that one is not what its name says', () => {
    const files = (other: string) =>
      manifestOf(Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`${at}.cfg`, at % 50 ? 'same' : other])));
    const [source, destination] = [stored(files('ours')), stored(files('theirs'))];
    const options = { mode: 'mirror' } as const;
    expect(findStoredDifferences(source, destination, { ...options, newHasher })).toEqual(
      findStoredDifferences(source, destination, options),
    );
    const another = { ...destination, digest: digest('another') };
    expect(() => findStoredDifferences(source, another, { ...options, newHasher })).toThrow(/its digest is/);
  });

  function newHasher(): Hasher {
    return thread.createHash();
  }
});

function stored(manifest: Manifest): StoredManifest {
  return { what: 'manifest', digest: manifest.summary.manifest, layers: [encodeManifest(manifest)] };
}
