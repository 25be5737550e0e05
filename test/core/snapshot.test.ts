import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidDocument } from '#core/errors.ts';
import { decodeSnapshot, encodeSnapshot } from '#core/snapshot.ts';
import { digest } from './samples.ts';
import { expectToDetectEveryFlippedBit, rewriteLines } from './tampering.ts';

const snapshot = { manifest: digest('manifest'), indexes: [digest('newer'), digest('older')] };
const stored = { ...encodeSnapshot(snapshot), decode: decodeSnapshot };

describe('a snapshot', () => {
  test('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 16 }), (names) => {
        const one = { manifest: digest('m'), indexes: names.map(digest) };
        const { bytes, digest: name } = encodeSnapshot(one);
        expect(decodeSnapshot(bytes, name)).toEqual(one);
      }),
    );
  });

  test('has another digest with another manifest, other indexes, or the same in another order', () => {
    const others = [
      { ...snapshot, manifest: digest('m') },
      { ...snapshot, indexes: [digest('newer')] },
      { ...snapshot, indexes: snapshot.indexes.toReversed() },
    ];
    expect(new Set([snapshot, ...others].map((one) => encodeSnapshot(one).digest)).size).toBe(4);
  });
});

describe('a snapshot from the store is refused', () => {
  test('with any bit flipped', () => {
    expectToDetectEveryFlippedBit(stored);
  });

  test.each<[string, (lines: readonly string[]) => readonly string[], RegExp]>([
    ['without a line', () => [], /one line/],
    ['with a second line', (lines) => [...lines, ...lines], /one line/],
    ['with an unknown field', (lines) => lines.map((line) => line.replace('{', '{"x":1,')), /[Uu]nrecognized/],
    ['in a format that is not known', (lines) => lines.map((line) => line.replace('/2', '/3')), /format/],
    [
      'with too many indexes',
      (lines) => lines.map((line) => line.replace('[', `[${`"${digest('i')}",`.repeat(16)}`)),
      /16/,
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
