import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidDocument } from '#core/errors.ts';
import { type Chunk, decodeSnapshot, encodeSnapshot, type Snapshot } from '#core/snapshot.ts';
import { digest } from './samples.ts';
import { expectToDetectEveryFlippedBit, rewriteLines } from './tampering.ts';

const snapshot = snapshotOf({ one: [5], two: [7, 8], nothing: [] });
const stored = { ...encodeSnapshot(snapshot), decode: decodeSnapshot };

describe('a snapshot', () => {
  test('comes back from its bytes as it was', () => {
    const contents = fc.dictionary(fc.string(), fc.array(fc.nat({ max: 1000 }), { maxLength: 4 }));
    fc.assert(
      fc.property(contents, (sizes) => {
        const one = snapshotOf(sizes);
        const { bytes, digest: name } = encodeSnapshot(one);
        expect(decodeSnapshot(bytes, name)).toEqual(one);
      }),
    );
  });

  test('has the same digest whatever the order of its contents and of their fields', () => {
    const recipes = [...snapshot.recipes].toReversed().map(([name, { sha256, size, chunks }]) => {
      const turned = chunks.map((chunk) => Object.fromEntries(Object.entries(chunk).toReversed()) as Chunk);
      return [name, { chunks: turned, size, sha256 }] as const;
    });
    expect(encodeSnapshot({ manifest: snapshot.manifest, recipes: new Map(recipes) }).digest).toBe(stored.digest);
  });

  test('has another digest after any change of any field', () => {
    const [name, recipe] = [...snapshot.recipes][0] ?? expect.unreachable();
    const [chunk] = recipe.chunks;
    const change = { pack: digest('p'), offset: 9, length: 9, size: 9, encoding: 'raw', sha256: digest('c') };
    for (const [field, value] of Object.entries(change)) {
      const changed = { ...recipe, chunks: [{ ...chunk, [field]: value } as Chunk] };
      const recipes = new Map([...snapshot.recipes, [name, changed]]);
      expect(encodeSnapshot({ ...snapshot, recipes }).digest, field).not.toBe(stored.digest);
    }
    expect(encodeSnapshot({ ...snapshot, manifest: digest('m') }).digest).not.toBe(stored.digest);
  });
});

describe('a snapshot from the store is refused', () => {
  test('with any bit flipped', () => {
    expectToDetectEveryFlippedBit({ ...encodeSnapshot(snapshotOf({ one: [5] })), decode: decodeSnapshot });
  });

  test.each<[string, (lines: readonly string[]) => readonly string[], RegExp]>([
    ['without a line', () => [], /empty/],
    ['out of order', ([first = '', ...rest]) => [first, ...rest.toReversed()], /out of order/],
    ['with a content twice', (lines) => [...lines, lines.at(-1) ?? ''], /out of order/],
    ['with an unknown field', (lines) => lines.map((line) => line.replace('{', '{"x":1,')), /[Uu]nrecognized/],
    ['with chunks that do not add up', (lines) => lines.map((line) => line.replace('"size":7', '"size":6')), /add up/],
    ['with an unknown encoding', (lines) => lines.map((line) => line.replace('"zstd"', '"exec"')), /encoding/],
    [
      'with a chunk too large to hold',
      (lines) => lines.map((line) => line.replace(/"length":\d+/, '"length":99999999')),
      /length/,
    ],
  ])('%s', (_, rewrite, problem) => {
    const read = rewriteLines(stored, rewrite);
    expect(read).toThrow(InvalidDocument);
    expect(read).toThrow(problem);
  });

  test('under the name of another', () => {
    expect(() => decodeSnapshot(stored.bytes, digest('another'))).toThrow(InvalidDocument);
  });
});

/** Contents by name, each cut into chunks of these sizes. */
function snapshotOf(contents: Readonly<Record<string, readonly number[]>>): Snapshot {
  const recipes = Object.entries(contents).map(([name, sizes]) => {
    const chunks = sizes.map(
      (size, index): Chunk => ({
        pack: digest(`pack of ${name}`),
        offset: index * 1000,
        length: size + 1,
        size,
        encoding: 'zstd',
        sha256: digest(`${name} ${index}`),
      }),
    );
    const size = sizes.reduce((sum, one) => sum + one, 0);
    return [digest(name), { sha256: digest(name), size, chunks }] as const;
  });
  return { manifest: digest('manifest'), recipes: new Map(recipes) };
}
