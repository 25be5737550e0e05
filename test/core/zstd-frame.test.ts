import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compressLines, decompressLines } from '#core/documents.ts';
import { zstdContentSize } from '#core/zstd-frame.ts';

describe('what a zstd frame says of itself', () => {
  it.each([20, 255, 256, 65_791, 65_792, 3_000_000])('is how many bytes it holds: %i', (size) => {
    expect(zstdContentSize(zstdCompressSync(randomBytes(size)))).toBe(size);
  });

  it('is nothing where it is none, or too short to say it', () => {
    expect(zstdContentSize(new Uint8Array(100))).toBeUndefined();
    expect(zstdContentSize(zstdCompressSync(randomBytes(100)).subarray(0, 17))).toBeUndefined();
  });

  it.each([0, 191, 192, 193, 2 ** 21])('does not cut off lines, whatever it says and holds: %i bytes', (size) => {
    const lines = ['x'.repeat(size), 'the last'];
    expect([...decompressLines('lines', compressLines(lines))]).toEqual(lines);
  });

  it('need not be true: one that says less than it holds is inflated all the same, or refused', () => {
    const text = `${'x'.repeat(100_000)}\n`;
    const frame = zstdCompressSync(text);
    frame.writeUInt32LE(10, 5);
    expect(() => [...decompressLines('a liar', frame)]).toThrow(/a liar/);
  });
});
