import { hash } from 'node:crypto';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import type { Chunk } from '#core/snapshot.ts';
import { freeBytes } from './free-bytes.ts';

export interface UnpackInput {
  /** A piece of a pack. */
  readonly bytes: Uint8Array;
  readonly chunks: readonly PlacedChunk[];
}

export interface PlacedChunk extends Pick<Chunk, 'length' | 'size' | 'encoding' | 'sha256'> {
  /** Where its encoded bytes begin in `bytes`. */
  readonly at: number;
  /** Every place in the staged files where it belongs. */
  readonly places: readonly { readonly path: string; readonly position: number }[];
}

export type Unpacked = { readonly kind: 'written' } | { readonly kind: 'damaged'; readonly problem: string };

/** Runs in a thread. The bytes come from the store: nothing is written that does not hash to what the chunk names. */
// biome-ignore lint/correctness/useYield: every task is a generator; this one has nothing to say in between.
export function* unpackChunks({ bytes, chunks }: UnpackInput): Generator<never, Unpacked, unknown> {
  for (const chunk of chunks) {
    const content = decode(bytes.subarray(chunk.at, chunk.at + chunk.length), chunk);
    if (typeof content === 'string') return { kind: 'damaged', problem: `chunk ${chunk.sha256} ${content}` };
    for (const { path, position } of chunk.places) write(path, content, position);
    if (chunk.encoding === 'zstd') freeBytes(content);
  }
  freeBytes(bytes);
  return { kind: 'written' };
}

function decode(encoded: Uint8Array, { encoding, length, sha256, size }: PlacedChunk): Uint8Array | string {
  if (encoded.length !== length) return 'is cut off';
  let content = encoded;
  if (encoding === 'zstd') {
    try {
      content = zstdDecompressSync(encoded, {
        maxOutputLength: Math.max(size, 1),
        chunkSize: Math.max(size, SMALLEST_OUTPUT),
      });
    } catch {
      return `does not decompress to ${size} bytes`;
    }
  }
  if (content.length !== size) return `has ${content.length} bytes instead of ${size}`;
  return hash('sha256', content, 'hex') === sha256 ? content : 'has another digest';
}

function write(path: string, content: Uint8Array, position: number): void {
  const descriptor = openSync(path, WRITE_FLAGS, 0o600);
  try {
    for (let written = 0; written < content.length; ) {
      written += writeSync(descriptor, content, written, content.length - written, position + written);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** zlib's own limit. */
const SMALLEST_OUTPUT = 64;

// Not truncated: the chunks of a file come in any order.
const WRITE_FLAGS = constants.O_WRONLY | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
