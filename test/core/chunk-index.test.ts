import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Chunk, decodeIndex, depthOf, encodeIndex, type PlainChunk, type Recipe } from '#core/chunk-index.ts';
import { InvalidDocument } from '#core/errors.ts';
import { digest } from './samples.ts';
import { expectToDetectEveryFlippedBit, rewriteLines } from './tampering.ts';

const old = plain('old', 5);
const delta = deltaOf('new', [old], 7);
const recipes = [recipeOf('one', [plain('a', 5)]), recipeOf('two', [delta, plain('c', 8), plain('a', 5)])];
const stored = { ...encodeIndex({ recipes }), decode: decodeIndex };

describe('an index', () => {
  test('comes back from its bytes with the recipes as they were', () => {
    const contents = fc.dictionary(fc.string(), fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 4 }));
    fc.assert(
      fc.property(contents, (sizes) => {
        const all = Object.entries(sizes).map(([name, own]) =>
          recipeOf(
            name,
            own.map((size, index) => plain(`${name} ${index}`, size)),
          ),
        );
        const { bytes, digest: name } = encodeIndex({ recipes: all });
        const read = [...decodeIndex(bytes, name).recipes].map(([key, recipe]) => [key, plainly(recipe)] as const);
        expect(new Map(read)).toEqual(new Map(all.map((one) => [one.sha256, one])));
      }),
    );
  });

  test('lists the bases of a delta, so that one who has nothing can fetch them, too', () => {
    const { chunks, recipes: read } = decodeIndex(stored.bytes, stored.digest);
    expect(chunks.get(old.sha256)).toEqual(old);
    expect([...(read.get(digest('two'))?.chunks ?? [])][0]).toEqual(delta);
  });

  test('can hold chunks that no content needs yet', () => {
    const { bytes, digest: name } = encodeIndex({ recipes: [], chunks: [delta] });
    expect([...decodeIndex(bytes, name).chunks.values()]).toEqual([old, delta]);
  });

  test('has the same digest whatever the order of its contents', () => {
    expect(encodeIndex({ recipes: recipes.toReversed() }).digest).toBe(stored.digest);
  });

  test('has another digest after any change of any field of a chunk', () => {
    const changes: Partial<PlainChunk>[] = [
      { pack: digest('p') },
      { offset: 9 },
      { length: 9 },
      { encoding: 'raw' },
      { sha256: digest('c') },
    ];
    const digests = changes.map((change) => encodeIndex({ recipes: [recipeOf('x', [{ ...old, ...change }])] }).digest);
    expect(new Set([encodeIndex({ recipes: [recipeOf('x', [old])] }).digest, ...digests]).size).toBe(6);
  });

  test('says how deep a delta is', () => {
    expect([old, delta, deltaOf('newest', [old, delta], 9)].map(depthOf)).toEqual([0, 1, 2]);
  });
});

describe('an index from the store is refused', () => {
  test('with any bit flipped', () => {
    expectToDetectEveryFlippedBit({ ...encodeIndex({ recipes: [recipeOf('one', [delta])] }), decode: decodeIndex });
  });

  const oldLine = `["chunk","${old.sha256}",0,0,6,5,"zstd"]`;

  test.each<[string, (lines: readonly string[]) => readonly string[], RegExp]>([
    ['without a line', () => [], /empty/],
    ['out of order', ([first = '', ...rest]) => [first, ...rest.toReversed()], /does not stand before it/],
    ['with a content twice', (lines) => [...lines, lines.at(-1) ?? ''], /out of order/],
    ['with a chunk twice', (lines) => [...lines, oldLine], /twice/],
    ['with a line of another kind', (lines) => [...lines, '["exec","rm"]'], /not valid/],
    [
      'with chunks that do not add up',
      (lines) => lines.map((line) => line.replace(',8,"zstd"', ',9,"zstd"')),
      /add up/,
    ],
    ['with an unknown encoding', (lines) => lines.map((line) => line.replace('"zstd"', '"exec"')), /not valid/],
    ['with a chunk too large to hold', (lines) => [...lines, chunkLine({ size: 99_999_999 })], /not valid/],
    ['with a digest that is none', (lines) => [...lines, chunkLine({ size: 8 }).replace(/[0-9a-f]{64}/, 'f')], /none/],
    ['with a base that is no number', (lines) => [...lines, chunkLine({ size: 8 }).replace(']', ',"0"]')], /none/],
    ['with a fraction', (lines) => [...lines, chunkLine({ size: 8.5 })], /none/],
    ['with a run of three', (lines) => [...lines, `["content","${'f'.repeat(64)}",8,[0,1,2]]`], /none/],
    ['with a run of no chunks', (lines) => [...lines, `["content","${'f'.repeat(64)}",8,[0,0]]`], /none/],
    ['with a content of no size', (lines) => [...lines, `["content","${'f'.repeat(64)}",-1,[0,1]]`], /none/],
    ['with a chunk of no bytes', (lines) => [...lines, chunkLine({ size: 0 })], /not valid/],
    ['with a chunk before its pack', (lines) => [...lines, chunkLine({ offset: -1 })], /not valid/],
    [
      'with a chunk beyond all numbers',
      (lines) => [...lines, chunkLine({ offset: Number.MAX_SAFE_INTEGER })],
      /too far/,
    ],
    ['with a chunk in no pack', (lines) => [...lines, chunkLine({ pack: 99 })], /pack/],
    ['with a raw chunk of two lengths', (lines) => [...lines, chunkLine({ encoding: 'raw', size: 9 })], /two lengths/],
    ['with a delta against nothing', (lines) => [...lines, chunkLine({ encoding: 'zstd-dict' })], /0 bases/],
    ['with a base for what is no delta', (lines) => [...lines, chunkLine({ bases: [0] })], /1 bases/],
    [
      'with a chunk that is its own base',
      (lines) => [...lines, chunkLine({ encoding: 'zstd-dict', bases: [4] })],
      /before/,
    ],
    ['with a base that comes later', (lines) => [...lines, chunkLine({ encoding: 'zstd-dict', bases: [5] })], /before/],
    [
      'with more bases than anybody needs',
      (lines) => [...lines, chunkLine({ encoding: 'zstd-dict', bases: Array(9).fill(0) })],
      /too many/,
    ],
    [
      'with a run beyond its chunks',
      (lines) => [...lines, `["content","${'f'.repeat(64)}",8,[2,9000000]]`],
      /does not stand before/,
    ],
    [
      'with runs that would fill the memory',
      (lines) => [...lines, `["content","${'f'.repeat(64)}",8,[0,16000001]]`],
      /too many chunks/,
    ],
  ])('%s', (_, rewrite, problem) => {
    const read = rewriteLines(stored, rewrite);
    expect(read).toThrow(InvalidDocument);
    expect(read).toThrow(problem);
  });

  test('with a delta of deltas deeper than allowed', () => {
    const second = deltaOf('second', [delta], 7);
    const third = deltaOf('third', [second], 7);
    const deep = encodeIndex({ recipes: [recipeOf('deep', [third])] });
    expect(() => decodeIndex(deep.bytes, deep.digest)).toThrow(/3 deep/);
  });

  test('with a dictionary too large to hold', () => {
    const bases = [plain('x', 700_000), plain('y', 700_000)];
    const large = encodeIndex({ recipes: [recipeOf('large', [deltaOf('z', bases, 5)])] });
    expect(() => decodeIndex(large.bytes, large.digest)).toThrow(/1400000 bytes/);
  });

  test('under the name of another', () => {
    expect(() => decodeIndex(stored.bytes, digest('another'))).toThrow(InvalidDocument);
  });
});

function plain(name: string, size: number): PlainChunk {
  return { pack: digest('pack'), offset: 0, length: size + 1, size, encoding: 'zstd', sha256: digest(`chunk ${name}`) };
}

function deltaOf(name: string, bases: readonly Chunk[], size: number): Chunk {
  return { ...plain(name, size), encoding: 'zstd-dict', bases };
}

function recipeOf(name: string, chunks: readonly Chunk[]): Recipe {
  return { sha256: digest(name), size: chunks.reduce((sum, { size }) => sum + size, 0), chunks };
}

/** With its chunks in an array. */
function plainly(recipe: Recipe): Recipe {
  return { ...recipe, chunks: [...recipe.chunks] };
}

function chunkLine(
  more: Partial<Omit<PlainChunk, 'pack' | 'encoding'>> & { pack?: number; encoding?: string; bases?: number[] },
): string {
  const { bases = [], encoding = 'zstd', length = 6, offset = 0, pack = 0, size = 5 } = more;
  return JSON.stringify(['chunk', digest('another chunk'), pack, offset, length, size, encoding, ...bases]);
}
