import { constants, zstdCompressSync } from 'node:zlib';
import type { Encoding } from '#core/chunk-index.ts';
import { freeBytes, SMALLEST_OWN } from '#core/free-bytes.ts';

export interface Encoded {
  readonly bytes: Uint8Array;
  readonly encoding: Encoding;
}

/** The shortest form: against the dictionary, without it, or as it is. The last shares memory with `raw`. */
export function encodeChunk(raw: Uint8Array, dictionary?: Uint8Array): Encoded {
  if (dictionary !== undefined) {
    const delta = compress(raw, dictionary);
    if (delta.length < raw.length * SURELY) return { bytes: delta, encoding: 'zstd-dict' };
    const whole = encodeWhole(raw);
    if (delta.length < whole.bytes.length * HELPS) {
      if (whole.bytes !== raw) freeBytes(whole.bytes);
      return { bytes: delta, encoding: 'zstd-dict' };
    }
    freeBytes(delta);
    return whole;
  }
  return encodeWhole(raw);
}

/** Bytes that begin so would be read as a trained dictionary instead of plain content. */
export function isPlainDictionary(dictionary: Uint8Array): boolean {
  return !TRAINED.every((byte, index) => dictionary[index] === byte);
}

function encodeWhole(raw: Uint8Array): Encoded {
  if (raw.length < WORTH_PACKING) return { bytes: raw, encoding: 'raw' };
  const packed = compress(raw);
  if (packed.length < raw.length * HELPS) return { bytes: packed, encoding: 'zstd' };
  freeBytes(packed);
  return { bytes: raw, encoding: 'raw' };
}

function compress(raw: Uint8Array, dictionary?: Uint8Array): Uint8Array {
  return zstdCompressSync(raw, {
    params: { [constants.ZSTD_c_compressionLevel]: 3 },
    chunkSize: Math.max(raw.length + FRAME_BYTES, SMALLEST_OWN),
    // Without it every call takes memory for megabytes of content.
    pledgedSrcSize: raw.length,
    ...(dictionary === undefined ? {} : { dictionary }),
  });
}

/** More than zstd adds to what it cannot make smaller: the output fits at the first try. */
const FRAME_BYTES = 4096;
/** Below this a frame's own bytes eat the gain. */
const WORTH_PACKING = 128;
const HELPS = 0.97;
/** So short that the other forms need no look. */
const SURELY = 0.3;
/** ZSTD_MAGIC_DICTIONARY. */
const TRAINED = [0x37, 0xa4, 0x30, 0xec];
