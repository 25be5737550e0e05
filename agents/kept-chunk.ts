import { closeSync, openSync, readSync } from 'node:fs';
import type { Chunk } from '#core/chunk-index.ts';
import { decodeChunk } from '#core/decode-chunk.ts';
import { freeBytes } from '#core/free-bytes.ts';
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
  const found = kept.flatMap((one) => {
    const content = readKept(one);
    return content === undefined ? [] : [{ chunk: one.chunk, content, isOwn: 'path' in one.at }];
  });
  const bytes = Buffer.concat(found.map(({ content }) => content));
  for (const { content, isOwn } of found) if (isOwn) freeBytes(content);
  if (bytes.length === 0 || !isPlainDictionary(bytes)) return undefined;
  return { bytes, bases: found.map(({ chunk }) => chunk) };
}

function readKept({ at, bases, chunk }: KeptChunk): Uint8Array | undefined {
  const encoded = 'bytes' in at ? at.bytes : readPiece(at.path, at.offset, chunk.length);
  const contents = bases.map(readKept);
  if (encoded === undefined || !contents.every((content) => content !== undefined)) return undefined;
  const content = decodeChunk(encoded, chunk, contents.length === 0 ? undefined : Buffer.concat(contents));
  return typeof content === 'string' ? undefined : content;
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
