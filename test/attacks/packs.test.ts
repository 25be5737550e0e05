import { describe, expect, it } from 'vitest';
import { beginPair, refusalAfter, withOperation } from '#test/agents/pair.ts';
import { type BendPack, bendPacks, contentOf, type IndexLine, withBomb, withIndex } from './bent-documents.ts';
import { GIB, zstdBomb } from './bombs.ts';

describe('content is refused, and nothing is touched, when', () => {
  it.each<[string, BendPack, RegExp]>([
    ['the first byte of its pack is wrong', (pack) => withByteFlipped(pack, 0), /chunk .* (digest|decompress)/],
    ['a byte in the middle of its pack is wrong', (pack) => withByteFlipped(pack, pack.length >> 1), /chunk/],
    ['the last byte of its pack is wrong', (pack) => withByteFlipped(pack, pack.length - 1), /chunk/],
    ['its pack is truncated by a byte', (pack) => pack.subarray(0, -1), /chunk .* is cut off/],
    ['its pack is truncated to nothing', () => new Uint8Array(), /chunk .* is cut off/],
    ['its pack is gone', () => undefined, /it is missing/],
    ['its pack holds something else', () => Buffer.from('?'.repeat(1000)), /chunk/],
    ['its pack begins with something more', (pack) => Buffer.concat([Buffer.from('more'), pack]), /chunk/],
  ])('%s', async (_, bend, problem) => {
    const pair = beginPair({ 'firmware/b.bin': 'made'.repeat(100), 'small.ini': 'too small to compress' });
    const receipt = await refusalAfter(pair, async (planned) => {
      await bendPacks(pair.control, bend);
      return planned;
    });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'UNREADABLE' });
    const { detail } = receipt as { readonly detail: string };
    expect(detail).toMatch(/packs\/.* is damaged: .*remove packs\/.* and snapshots\//);
    expect(detail).toMatch(problem);
  });

  it('a chunk inflates to more than the index says', async () => {
    const pair = beginPair();
    const receipt = await refusalAfter(pair, async (planned) => {
      const content = contentOf(planned, 'firmware/b.bin');
      const bent = await withIndex(pair.control, planned, (lines) => claimingSize(lines, content, 10));
      return withOperation(bent, 'firmware/b.bin', { size: 10 });
    });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringContaining('does not decompress to 10 bytes'),
    });
  });

  it('a chunk inflates to less than the index says', async () => {
    const pair = beginPair();
    const receipt = await refusalAfter(pair, async (planned) => {
      const content = contentOf(planned, 'firmware/b.bin');
      const bent = await withIndex(pair.control, planned, (lines) => claimingSize(lines, content, 1000));
      return withOperation(bent, 'firmware/b.bin', { size: 1000 });
    });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringContaining('has 400 bytes instead of 1000'),
    });
  });

  it('a chunk inflates without bound, and takes no more memory than it may have', async () => {
    const pair = beginPair({ 'firmware/b.bin': 'made'.repeat(100) });
    const bomb = zstdBomb(10 * GIB);
    const before = process.memoryUsage().rss;
    const receipt = await refusalAfter(pair, (planned) => withBomb(pair.control, planned, bomb));
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringContaining('does not decompress to 65536 bytes'),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(GIB / 4);
  });
});

function withByteFlipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

/** The chunk of a content that is but one, and the content, of this size. */
function claimingSize(lines: readonly IndexLine[], content: string, size: number): IndexLine[] {
  return lines.map((line): IndexLine => {
    if (line[1] !== content) return line;
    if (line[0] === 'content') return ['content', content, size, ...line.slice(3)] as IndexLine;
    const [kind, sha256, pack, offset, length, , encoding] = line;
    return [kind, sha256, pack, offset, length, size, encoding];
  });
}
