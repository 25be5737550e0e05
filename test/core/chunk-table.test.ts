import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Chunk } from '#core/chunk-index.ts';
import { ChunkTable, ListedChunks, listChunks } from '#core/chunk-table.ts';
import { DigestTable } from '#core/digest-table.ts';
import { digest } from './samples.ts';

describe('a table of digests', () => {
  it('numbers each once, as it comes, however many there are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 1000 }), (names) => {
        const table = new DigestTable();
        const numbers = new Map<number, number>();
        for (const name of names) {
          expect(table.find(digest(`${name}`))).toBe(numbers.get(name));
          const number = numbers.get(name) ?? numbers.size;
          numbers.set(name, number);
          expect(table.add(digest(`${name}`))).toBe(number);
        }
        expect(table.size).toBe(numbers.size);
        for (const [name, number] of numbers) expect(table.at(number)).toBe(digest(`${name}`));
        expect(table.find(digest('not in it'))).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it('tells digests apart that begin alike', () => {
    const table = new DigestTable();
    const one = digest('x');
    const alike = Array.from({ length: 300 }, (_, number) => `${one.slice(0, -4)}${hex(number)}` as typeof one);
    expect(alike.map((name) => table.add(name))).toEqual([...alike.keys()]);
    expect(alike.map((name) => table.find(name))).toEqual([...alike.keys()]);
  });
});

describe('a table of chunks', () => {
  const old = plain('old', 5);
  const delta: Chunk = { ...plain('new', 7), encoding: 'zstd-dict', bases: [old] };

  it('gives back every chunk as it was, with all that it is made from', () => {
    const table = new ChunkTable();
    const many = Array.from({ length: 500 }, (_, number) => plain(`${number}`, number + 1));
    for (const chunk of [...many, delta]) table.place(chunk);
    expect([...table.values()]).toEqual([...many, old, delta]);
    expect(table.get(delta.sha256)).toEqual(delta);
    expect(table.packs).toEqual([digest('pack')]);
  });

  it('holds offsets beyond 4 GiB', () => {
    const far = { ...old, offset: Number.MAX_SAFE_INTEGER };
    expect([...listChunks([far])]).toEqual([far]);
  });

  it('keeps the first place of a chunk', () => {
    const table = new ChunkTable();
    table.place(old);
    table.place({ ...old, pack: digest('another pack') });
    expect([...table.values()]).toEqual([old]);
  });

  it('knows a chunk that has no place yet, and gives none out', () => {
    const table = new ChunkTable();
    const number = table.add(old.sha256);
    expect(table.has(old.sha256)).toBe(true);
    expect(() => table.at(number)).toThrow(/in no pack/);
    expect(table.place(old)).toBe(number);
    expect(table.at(number)).toEqual(old);
  });

  it('is not led in a circle by a chunk that is said to be made from itself', () => {
    const bent: Chunk = { ...delta, bases: [delta] };
    expect(new ChunkTable().place(bent)).toBe(1);
  });
});

describe('a list of chunks', () => {
  it('has them in their order, whatever numbers they have', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (numbers) => {
        const chunks = numbers.map((number) => plain(`${number}`, number + 1));
        const list = listChunks(chunks);
        expect([...list]).toEqual(chunks);
        expect(list).toHaveLength(chunks.length);
        expect([...new ListedChunks(list.table, list.runs())]).toEqual(chunks);
      }),
    );
  });

  it('is one run where its chunks are neighbours', () => {
    const chunks = ['a', 'b', 'c'].map((name) => plain(name, 1));
    expect([...listChunks(chunks).runs()]).toEqual([[0, 3]]);
    expect([...listChunks([...chunks, ...chunks.slice(1)]).runs()]).toEqual([
      [0, 3],
      [1, 2],
    ]);
  });
});

function plain(name: string, size: number): Chunk {
  return { pack: digest('pack'), offset: 0, length: size + 1, size, encoding: 'zstd', sha256: digest(`chunk ${name}`) };
}

function hex(number: number): string {
  return number.toString(16).padStart(4, '0');
}
