import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Predecessor } from '#agents/find-bases.ts';
import { type Chunk, depthOf, type ListedRecipe, MAX_BASES, MAX_DEPTH } from '#core/chunk-index.ts';
import { listChunks } from '#core/chunk-table.ts';
import { sha256 } from '#core/digest.ts';

function chunk(name: string, size = 10): Chunk {
  return { pack: sha256('pack'), offset: 0, length: size, size, encoding: 'raw', sha256: sha256(name) };
}

function recipe(chunks: readonly Chunk[]): ListedRecipe {
  const size = chunks.reduce((sum, one) => sum + one.size, 0);
  return { sha256: sha256('content'), size, chunks: listChunks(chunks) };
}

const [a, b, c, d] = [chunk('a'), chunk('b'), chunk('c'), chunk('d')];

describe('the bases of a chunk', () => {
  it('are the old chunk between the same neighbours', () => {
    expect(new Predecessor(recipe([a, b, c])).follow([a, chunk('new'), c])).toEqual([[], [b], []]);
  });

  it('are those that it covers, when it stands for several', () => {
    expect(new Predecessor(recipe([a, b, c, d])).follow([a, chunk('new', 20), d])).toEqual([[], [b, c], []]);
  });

  it('are found from the neighbour before and the one behind, when the length has changed', () => {
    const old = [a, ...Array.from({ length: 20 }, (_, index) => chunk(`old ${index}`)), d];
    const [first, ...rest] = [chunk('head'), ...old.slice(11, 21)];
    const [, bases] = new Predecessor(recipe(old)).follow([a, first ?? a, ...rest, d]);
    expect(bases?.map(({ sha256: digest }) => digest)).toContain(sha256('old 0'));
    expect(bases?.map(({ sha256: digest }) => digest)).toContain(sha256('old 9'));
  });

  it('are the same however the content comes in portions, as long as neighbours are known', () => {
    const whole = new Predecessor(recipe([a, b, c, d])).follow([a, chunk('x'), c, chunk('y')]);
    const following = new Predecessor(recipe([a, b, c, d]));
    expect([...following.follow([a, chunk('x'), c]), ...following.follow([chunk('y')])]).toEqual(whole);
  });

  it('are none behind the end of the old content', () => {
    expect(new Predecessor(recipe([a])).follow([a, chunk('new')])).toEqual([[], []]);
  });

  it('are replaced by their own bases where they are as deep as allowed', () => {
    const middle: Chunk = { ...chunk('middle'), encoding: 'zstd-dict', bases: [b] };
    const deep: Chunk = { ...chunk('deep'), encoding: 'zstd-dict', bases: [middle] };
    expect(new Predecessor(recipe([a, deep, c])).follow([a, chunk('new'), c])).toEqual([[], [middle], []]);
  });

  it('keep to the limits of the format, one list for each chunk, whatever the contents', () => {
    const names = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 });
    fc.assert(
      fc.property(names, names, (old, now) => {
        const chunks = now.map((name) => chunk(String(name), name + 1));
        const found = new Predecessor(recipe(old.map((name) => chunk(String(name), name + 1)))).follow(chunks);
        expect(found).toHaveLength(chunks.length);
        for (const [index, bases] of found.entries()) {
          expect(bases.length).toBeLessThanOrEqual(old.includes(now[index] ?? -1) ? 0 : MAX_BASES);
          for (const base of bases) expect(depthOf(base)).toBeLessThan(MAX_DEPTH);
        }
      }),
    );
  });
});
