import { closeSync, openSync, readSync } from 'node:fs';
import type { Chunk } from '#core/chunk-index.ts';
import { decodeChunk } from '#core/decode-chunk.ts';
import { freeBytes, joinBytes } from '#core/free-bytes.ts';
import { isPlainDictionary } from './code-chunk.ts';

/** A chunk of which the encoded bytes are at hand. */
export interface KeptChunk {
  readonly chunk: Chunk;
  readonly at: { readonly path: string; readonly offset: number } | { readonly bytes: Uint8Array };
  /** Those of its bases, in order. */
  readonly bases: readonly KeptChunk[];
}

export interface Dictionary {
  readonly bytes: Uint8Array;
  readonly bases: readonly Chunk[];
}

/** Runs in a thread. What cannot be read or is damaged is left out: it only ever saves bytes. */
export function readDictionary(kept: readonly KeptChunk[]): Dictionary | undefined {
  const found = readAll(kept);
  const bytes = joinAndFree(found);
  if (bytes.length === 0 || !isPlainDictionary(bytes)) return undefined;
  return { bytes, bases: found.map(({ one }) => one.chunk) };
}

function readAll(kept: readonly KeptChunk[]): Found[] {
  return kept.flatMap((one) => {
    const content = readKept(one);
    return content === undefined ? [] : [{ one, content }];
  });
}

function readKept({ at, bases, chunk }: KeptChunk): Uint8Array | undefined {
  const found = readAll(bases);
  const encoded = 'bytes' in at ? at.bytes : readPiece(at.path, at.offset, chunk.length);
  if (encoded === undefined || found.length < bases.length) return undefined;
  const dictionary = bases.length === 0 ? undefined : joinAndFree(found);
  const content = decodeChunk(encoded, chunk, dictionary);
  if (dictionary !== undefined) freeBytes(dictionary);
  if ('path' in at && content !== encoded) freeBytes(encoded);
  return typeof content === 'string' ? undefined : content;
}

interface Found {
  readonly one: KeptChunk;
  readonly content: Uint8Array;
}

/** What was lent stays as it is: it may be a base once more. */
function joinAndFree(found: readonly Found[]): Uint8Array {
  const joined = joinBytes(found.map(({ content }) => content));
  for (const { content, one } of found) if (!('bytes' in one.at && one.at.bytes === content)) freeBytes(content);
  return joined;
}

function readPiece(path: string, offset: number, length: number): Uint8Array | undefined {
  try {
    const descriptor = openSync(path, 'r');
    try {
      const bytes = Buffer.allocUnsafeSlow(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}
