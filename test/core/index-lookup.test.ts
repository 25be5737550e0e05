import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Chunk, decodeIndex, encodeIndex, type Recipe } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { IndexLookup } from '#core/index-lookup.ts';
import { digest } from './samples.ts';
import { rewriteLines } from './tampering.ts';

describe('an index of which little is asked for', () => {
  test('says of each content what the whole index says', () => {
    const contents = fc.dictionary(fc.string(), fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 4 }));
    fc.assert(
      fc.property(contents, (sizes) => {
        const recipes = Object.entries(sizes).map(([name, own]) =>
          recipeOf(
            name,
            own.map((size, index) => delta(`${name} ${index}`, size, plain(`base of ${name}`, 9))),
          ),
        );
        const { bytes, digest: name } = encodeIndex({ recipes });
        const lookup = new IndexLookup(bytes, name);
        for (const [sha256, recipe] of decodeIndex(bytes, name).recipes)
          expect(lookup.recipeOf(sha256)).toEqual({ ...recipe, chunks: [...recipe.chunks] });
        expect(lookup.recipeOf(digest('not in it'))).toBeUndefined();
      }),
    );
  });

  test('is refused under the name of another', () => {
    const { bytes } = encodeIndex({ recipes: [recipeOf('one', [plain('a', 5)])] });
    expect(() => lookUpOne(bytes, digest('another'))).toThrow(InvalidDocument);
  });

  test.each<[string, (lines: readonly string[]) => readonly string[]]>([
    ['a content names a chunk that is not there', (lines) => lines.map((line) => line.replace('[1,1]', '[7,1]'))],
    ['its chunks do not add up', (lines) => lines.map((line) => line.replace(',7,"zstd-dict"', ',8,"zstd-dict"'))],
    ['a base stands behind', (lines) => lines.map((line) => line.replace('"zstd-dict",0', '"zstd-dict",1'))],
    ['a line is of another kind', (lines) => [...lines, '["exec","rm"]']],
  ])('is refused when %s', (_, change) => {
    const document = encodeIndex({ recipes: [recipeOf('one', [delta('new', 7, plain('old', 5))])] });
    expect(rewriteLines({ ...document, decode: lookUpOne }, change)).toThrow(InvalidDocument);
  });

  test('is refused when deltas lead on and on, before any stack is full', () => {
    const chunks = Array.from({ length: 50_000 }, (_, index) =>
      JSON.stringify([
        'chunk',
        digest(`${index}`),
        0,
        index,
        1,
        1,
        ...(index === 0 ? ['zstd'] : ['zstd-dict', index - 1]),
      ]),
    );
    const header = JSON.stringify({ format: 'lockstep-index/1', packs: [digest('pack')] });
    const content = JSON.stringify(['content', digest('one'), 1, [49_999, 1]]);
    const empty = { ...encodeIndex({ recipes: [] }), decode: lookUpOne };
    expect(rewriteLines(empty, () => [header, ...chunks, content])).toThrow(InvalidDocument);
  });
});

function lookUpOne(bytes: Uint8Array, name: Sha256): Recipe | undefined {
  return new IndexLookup(bytes, name).recipeOf(digest('one'));
}

function plain(name: string, size: number): Chunk {
  return { sha256: digest(`chunk ${name}`), pack: digest('pack'), offset: 0, length: size + 1, size, encoding: 'zstd' };
}

function delta(name: string, size: number, ...bases: readonly Chunk[]): Chunk {
  return { ...plain(name, size), encoding: 'zstd-dict', bases };
}

function recipeOf(name: string, chunks: readonly Chunk[]): Recipe {
  return { sha256: digest(name), size: chunks.reduce((sum, { size }) => sum + size, 0), chunks };
}
