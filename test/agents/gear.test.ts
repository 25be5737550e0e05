import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCuttingBlock } from '#agents/cutter.ts';
import { type CutSizes, cutSizesOf, GEAR } from '#agents/gear.ts';
import { cutLength } from '#agents/gear-cutter.ts';
import { sha256 } from '#core/digest.ts';
import { noise } from './noise.ts';

const MIB = 1024 * 1024;

function cutAll(bytes: Uint8Array, sizes: CutSizes): number[] {
  const block = createCuttingBlock(bytes.length);
  block.bytes.set(bytes);
  const lengths: number[] = [];
  for (let start = 0; start < bytes.length; start += lengths.at(-1) ?? 1) {
    lengths.push(block.cut({ start, end: bytes.length, isEnd: true }, sizes));
  }
  return lengths;
}

function cutPlainly(bytes: Uint8Array, sizes: CutSizes): number[] {
  const lengths: number[] = [];
  for (let start = 0; start < bytes.length; start += lengths.at(-1) ?? 1) {
    lengths.push(cutLength(bytes.subarray(start), sizes));
  }
  return lengths;
}

describe('the cutter', () => {
  it('cuts where it has always cut: what is stored must be found again', () => {
    expect(sha256(GEAR.join())).toBe('f4047c479744cdafb72fc403bd3459e49d52a5829da11eedb8209a7d6d475170');
    const vectors = {
      noise: cutAll(noise('vector', 150_000), cutSizesOf(150_000)),
      large: cutAll(noise('vector', 500_000), cutSizesOf(100 * MIB)),
      zeros: cutAll(Buffer.alloc(150_000), cutSizesOf(150_000)),
      text: cutAll(Buffer.from('Lockstep keeps the servers of a fleet in lockstep.\n'.repeat(2000)), cutSizesOf(MIB)),
    };
    expect(vectors).toEqual({
      noise: [17210, 14527, 16889, 17553, 6516, 18151, 19194, 16450, 13061, 10358, 91],
      large: [72695, 66856, 76288, 69077, 78064, 73945, 63075],
      zeros: [65536, 65536, 18928],
      text: [65536, 36464],
    });
  });

  it('cuts as its plain form does, whatever the bytes and sizes', () => {
    const sizes = fc.constantFrom(
      { smallest: 64, normal: 256, longest: 1024 },
      { smallest: 40, normal: 41, longest: 50 },
    );
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.integer({ max: 2000, min: 1 }).map((size) => new Uint8Array(size)),
    );
    fc.assert(
      fc.property(sizes, fc.array(piece, { maxLength: 6 }), (cut, pieces) => {
        const bytes = Buffer.concat(pieces);
        expect(cutAll(bytes, cut)).toEqual(cutPlainly(bytes, cut));
      }),
      { numRuns: 300 },
    );
  });

  it('cuts as its plain form does in chunks of real size', () => {
    for (const size of [64 * 1024, 64 * 1024 + 1, 3 * MIB, 9 * MIB]) {
      const bytes = noise(String(size), size);
      expect(cutAll(bytes, cutSizesOf(size))).toEqual(cutPlainly(bytes, cutSizesOf(size)));
    }
  });

  it('asks for more bytes instead of a guess', () => {
    const sizes = cutSizesOf(MIB);
    const bytes = noise('more', 200_000);
    const [whole = 0] = cutAll(bytes, sizes);
    const block = createCuttingBlock(bytes.length);
    block.bytes.set(bytes);
    expect(block.cut({ start: 0, end: whole - 1, isEnd: false }, sizes)).toBe(0);
    expect(block.cut({ start: 0, end: whole, isEnd: false }, sizes)).toBe(whole);
    expect(block.cut({ start: 0, end: whole - 1, isEnd: true }, sizes)).toBe(whole - 1);
  });

  it('finds the same cuts again soon after bytes were put in', () => {
    const before = noise('edited', 2 * MIB);
    const after = Buffer.concat([before.subarray(0, 500_000), Buffer.from('put in'), before.subarray(500_000)]);
    const ends = (lengths: number[]) =>
      lengths.map((_, index) => lengths.slice(0, index + 1).reduce((a, b) => a + b, 0));
    const sizes = cutSizesOf(2 * MIB);
    const old = new Set(ends(cutAll(before, sizes)));
    const moved = ends(cutAll(after, sizes)).filter((end) => !old.has(end <= 500_000 ? end : end - 6));
    expect(moved.length).toBeLessThanOrEqual(3);
  });

  it('keeps small files whole and gives large ones the larger chunks', () => {
    expect(cutAll(noise('small', 64 * 1024), cutSizesOf(64 * 1024))).toEqual([64 * 1024]);
    expect(cutSizesOf(8 * MIB - 1).normal).toBeLessThan(cutSizesOf(8 * MIB).normal);
  });
});
