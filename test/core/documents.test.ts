import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { labelled, parseLabelledDigest, sha256 } from '#core/digest.ts';
import {
  assertDigestOfLines,
  compressLines,
  decompressLines,
  digestOfLines,
  encodeDocument,
  parseDocument,
  parseLine,
} from '#core/documents.ts';
import { BadInput, InvalidDocument } from '#core/errors.ts';
import { GIB, zstdBomb } from '#test/attacks/bombs.ts';

const schema = z.strictObject({ list: z.array(z.string()) });
const read = (bytes: Uint8Array | string) => () => parseDocument('the note', schema, Buffer.from(bytes));

describe('a small document', () => {
  test('comes back from its bytes', () => {
    expect(read(encodeDocument({ list: ['a', 'é'] }))()).toEqual({ list: ['a', 'é'] });
  });

  test.each<[string, Uint8Array | string, RegExp]>([
    ['no JSON', '{', /the note is not valid: it is not JSON/],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), /not UTF-8/],
    ['nothing', '', /not JSON/],
    ['another shape, and says where', '{"list":["a",1]}', /at list\.1/],
    ['a field that it does not know', '{"list":[],"__proto__":{}}', /__proto__/],
    ['too many bytes', Buffer.alloc(64 * 1024 * 1024 + 1), /too many/],
  ])('is refused when it is %s', (_, bytes, problem) => {
    expect(read(bytes)).toThrow(InvalidDocument);
    expect(read(bytes)).toThrow(problem);
  });
});

describe('lines', () => {
  const lineArbitrary = fc.string({ unit: 'grapheme' }).filter((line) => !line.includes('\n') && line.isWellFormed());

  test('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(lineArbitrary), (lines) => {
        expect([...decompressLines('lines', compressLines(lines))]).toEqual(lines);
      }),
    );
  });

  test('come back wherever their writer began a new frame', () => {
    const text = Buffer.from('first\nsecond ä\n\nlast\n');
    for (let cut = 0; cut <= text.length; cut++) {
      const frames = [text.subarray(0, cut), text.subarray(cut), Buffer.alloc(0)].map((part) => zstdCompressSync(part));
      expect([...decompressLines('lines', Buffer.concat(frames))]).toEqual(['first', 'second ä', '', 'last']);
    }
    const [checked, plain] = [
      zstdCompressSync('a\n', { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
      zstdCompressSync('x'.repeat(300_000)),
    ];
    const lines = [...decompressLines('lines', Buffer.concat([checked, plain, checked]))];
    expect(lines).toEqual(['a', `${'x'.repeat(300_000)}a`]);
  });

  test('come back also when they are many', () => {
    const lines = Array.from({ length: 30_000 }, (_, index) => `${index} ${'x'.repeat(100)}`);
    expect([...decompressLines('lines', compressLines(lines))]).toEqual(lines);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['do not decompress', Buffer.from('plain'), /does not decompress/],
    ['end in the middle', zstdCompressSync(Buffer.from('a\nb')), /cut off/],
    ['are not UTF-8', zstdCompressSync(Uint8Array.of(0xff, 0x0a)), /not UTF-8/],
    ['inflate without bound', zstdBomb(100 * GIB), /inflates beyond all bounds/],
    ['are too long', zstdCompressSync(Buffer.from(`${'x'.repeat(64 * 1024 * 1024 + 1)}\n`)), /too long/],
  ])('are refused when they %s', (_, bytes, problem) => {
    const unpack = () => [...decompressLines('lines', bytes)];
    expect(unpack).toThrow(InvalidDocument);
    expect(unpack).toThrow(problem);
  });
});

describe('a line that is parsed', () => {
  test('is no longer than one of a manifest can be', () => {
    const line = (length: number) => JSON.stringify({ list: ['x'.repeat(length)] });
    expect(parseLine('the line', schema, line(60_000))).toMatchObject({ list: [expect.any(String)] });
    expect(() => parseLine('the line', schema, line(70_000))).toThrow(InvalidDocument);
  });
});

describe('the digest of lines', () => {
  const lines = ['first', '', 'last'];

  test('is looked at whatever frames they lie in', () => {
    const frames = lines.map((line) => compressLines([line]));
    expect(() => assertDigestOfLines('lines', Buffer.concat(frames), digestOfLines(lines))).not.toThrow();
    expect(() => assertDigestOfLines('lines', compressLines(lines), digestOfLines(lines))).not.toThrow();
  });

  test('is not that of other lines', () => {
    expect(() => assertDigestOfLines('lines', compressLines(lines.slice(1)), digestOfLines(lines))).toThrow(
      InvalidDocument,
    );
  });
});

describe('a digest', () => {
  const digest = sha256('');

  test('is that of sha256sum', () => {
    expect(digest).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  test('is read with or without its algorithm, as people paste it', () => {
    for (const pasted of [digest, labelled(digest), ` ${labelled(digest).toUpperCase()}\n`]) {
      expect(parseLabelledDigest(pasted)).toBe(digest);
    }
  });

  test.each(['', 'sha256:', 'sha512:00', digest.slice(1), `${digest}0`])('is not read from %j', (text) => {
    expect(() => parseLabelledDigest(text)).toThrow(BadInput);
  });
});
