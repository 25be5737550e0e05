import { hash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import type { Chunk } from './chunk-index.ts';
import { SMALLEST_OWN } from './free-bytes.ts';

/** The content, or what is wrong with it in words. Never more memory than the chunk's size or a buffer's, whatever the bytes say. */
export function decodeChunk(
  encoded: Uint8Array,
  { encoding, length, sha256, size }: Pick<Chunk, 'encoding' | 'length' | 'sha256' | 'size'>,
  dictionary: Uint8Array | undefined,
): Uint8Array | string {
  if (encoded.length !== length) return 'is cut off';
  let content = encoded;
  if (encoding !== 'raw') {
    try {
      content = zstdDecompressSync(encoded, {
        maxOutputLength: Math.max(size, 1),
        chunkSize: Math.max(size, SMALLEST_OWN),
        ...(dictionary === undefined ? {} : { dictionary }),
      });
    } catch {
      return `does not decompress to ${size} bytes`;
    }
  }
  if (content.length !== size) return `has ${content.length} bytes instead of ${size}`;
  return hash('sha256', content, 'hex') === sha256 ? content : 'has another digest';
}
