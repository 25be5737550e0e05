import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Chunk, encodeIndex, type PlainChunk, type Recipe } from '#core/chunk-index.ts';
import { sha256 } from '#core/digest.ts';
import { compressLines, digestOfLines } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { decodeIndexPacks } from '#core/index-packs.ts';

const pack = (number: number) => sha256(`pack ${number}`);

function plain(number: number): PlainChunk {
  return { sha256: sha256(`chunk ${number}`), pack: pack(number), offset: 0, length: 5, size: 9, encoding: 'zstd' };
}

/** Chunk `number` in pack `number`, those from 10 on made from the one that is ten less. */
function chunk(number: number): Chunk {
  return number < 10 ? plain(number) : { ...plain(number), encoding: 'zstd-dict', bases: [plain(number - 10)] };
}

function recipe(name: string, numbers: readonly number[]): Recipe {
  const chunks = numbers.map(chunk);
  return { sha256: sha256(name), size: 9 * chunks.length, chunks };
}

test('the packs of the wanted contents, and those of the bases, are what an index leads to', () => {
  const numbers = fc.array(fc.nat(19), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(numbers, numbers, (wanted, other) => {
      const recipes = [recipe('wanted', wanted), recipe('other', other)];
      const { bytes, digest } = encodeIndex({ recipes });
      const packsOf = (list: readonly number[]) =>
        new Set(list.flatMap((number) => (number < 10 ? [pack(number)] : [pack(number), pack(number - 10)])));
      expect(decodeIndexPacks(bytes, digest, (content) => content === sha256('wanted'))).toEqual(packsOf(wanted));
      expect(decodeIndexPacks(bytes, digest)).toEqual(packsOf([...wanted, ...other]));
    }),
  );
});

test.each([
  ['nothing', []],
  ['another header', ['{"format":"lockstep-index/2","packs":[]}']],
  ['a chunk in a pack that is not listed', [header(), `["chunk","${sha256('a')}",0,0,5,9,"zstd"]`, content(0, 1)]],
  ['a content of chunks that are not listed', [header(), content(0, 16_000_000)]],
  ['a base that does not stand before', [header(), `["chunk","${sha256('a')}",0,0,5,9,"zstd-dict",0]`]],
  ['a line of another kind', [header(), '["other"]']],
])('an index with %s is refused', (_, lines) => {
  expect(() => decodeIndexPacks(compressLines(lines), digestOfLines(lines), () => true)).toThrow(InvalidDocument);
});

test('an index of another digest is refused', () => {
  const { bytes } = encodeIndex({ recipes: [recipe('a', [1])] });
  expect(() => decodeIndexPacks(bytes, sha256('other'))).toThrow(/its digest differs/);
});

function header(): string {
  return '{"format":"lockstep-index/1","packs":[]}';
}

function content(first: number, count: number): string {
  return `["content","${sha256('content')}",9,[${first},${count}]]`;
}
