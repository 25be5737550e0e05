import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeChunk } from '#agents/code-chunk.ts';
import { type CutPiece, cutFiles } from '#agents/cut-files.ts';
import { type KeptChunk, readDictionary } from '#agents/kept-chunk.ts';
import { unpackChunks } from '#agents/unpack-chunks.ts';
import type { Encoding, PlainChunk } from '#core/chunk-index.ts';
import { sha256 } from '#core/digest.ts';
import { freeBytes, joinBytes } from '#core/free-bytes.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const MIB = 1024 * 1024;
/** Shorter than what Node gives memory of its own; half of each is noise. */
const SIZE = 24 * 1024;
const TIMES = 1500;
/** What is not given back comes to more than three times as much, until the collector is moved to look at it. */
const MOST = 8 * MIB;

const content = Buffer.concat([noise('half', SIZE / 2), Buffer.alloc(SIZE / 2)]);

it('what chunks were compressed into', () => {
  const root = testFolder();
  const files = Array.from({ length: TIMES }, (_, number) => ({ path: `${number}` }));
  for (const { path } of files) writeFileSync(join(root, path), content);
  const kept = growth(() => {
    const cutting = cutFiles({ root, files });
    for (let step = cutting.next(); step.done !== true; step = cutting.next(answer(step.value))) {
      if (step.value.kind === 'content') freeBytes(step.value.bytes);
    }
  });
  expect(kept).toBeLessThan(MOST);
});

it('what chunks were decompressed into, and the dictionaries for that', () => {
  const { bytes, encoding } = encodeChunk(content);
  const base = join(testFolder(), 'base');
  writeFileSync(base, content);
  const delta = encodeChunk(content, content);
  const places = [{ path: join(testFolder(), 'staged'), position: 0, dress: undefined }];
  const common = { sha256: sha256(content), size: SIZE, places };
  const piece = { path: base, position: 0, size: SIZE, sha256: sha256(content) };
  const kept = growth(() => {
    for (let time = 0; time < TIMES / 10; time++) {
      const chunks = Array.from({ length: 5 }, () => [
        { ...common, at: 0, length: bytes.length, encoding, bases: [] },
        { ...common, at: bytes.length, length: delta.bytes.length, encoding: delta.encoding, bases: [piece] },
      ]).flat();
      const unpacking = unpackChunks({ bytes: joinBytes([bytes, delta.bytes]), chunks });
      expect(unpacking.next().value).toEqual({ kind: 'written' });
    }
  });
  expect(kept).toBeLessThan(MOST);
});

it('what old chunks were read into', () => {
  const path = join(testFolder(), 'pack');
  const base = encodeChunk(content);
  const delta = encodeChunk(content, content);
  writeFileSync(path, joinBytes([base.bytes, delta.bytes]));
  const pack = sha256('pack');
  const chunk = { pack, offset: 0, length: base.bytes.length, size: SIZE, sha256: sha256(content) };
  const first: KeptChunk = { chunk: plain(chunk, base.encoding), at: { path, offset: 0 }, bases: [] };
  const second: KeptChunk = {
    chunk: { ...chunk, length: delta.bytes.length, encoding: 'zstd-dict', bases: [first.chunk] },
    at: { path, offset: base.bytes.length },
    bases: [first],
  };
  const kept = growth(() => {
    for (let time = 0; time < TIMES; time++) {
      const dictionary = readDictionary([first, second]) ?? expect.unreachable();
      expect(dictionary.bytes.length).toBe(2 * SIZE);
      freeBytes(dictionary.bytes);
    }
  });
  expect(kept).toBeLessThan(MOST);
});

it('but not what was lent: an old chunk that came from the store may be asked for again', () => {
  const lent = new Uint8Array(content);
  const chunk = { pack: sha256('pack'), offset: 0, length: SIZE, size: SIZE, sha256: sha256(content) };
  const kept: KeptChunk = { chunk: plain(chunk, 'raw'), at: { bytes: lent }, bases: [] };
  for (const bases of [[kept], [kept, kept]]) expect(readDictionary(bases)?.bases.length).toBe(bases.length);
  expect(sha256(lent)).toBe(chunk.sha256);
});

function growth(work: () => void): number {
  const before = process.memoryUsage().arrayBuffers;
  work();
  return process.memoryUsage().arrayBuffers - before;
}

function answer(piece: CutPiece): unknown {
  return piece.kind === 'offer' ? piece.chunks.map(() => ({ bases: [] })) : undefined;
}

function plain(chunk: Omit<PlainChunk, 'encoding'>, encoding: Encoding): PlainChunk {
  return encoding === 'zstd-dict' ? expect.unreachable() : { ...chunk, encoding };
}
