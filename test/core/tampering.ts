import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect } from 'vitest';
import { LineHasher, type Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';

/** A document of lines in the store: its bytes, the digest that names it, and how it is read. */
export interface StoredLines<T> {
  readonly bytes: Uint8Array;
  readonly digest: Sha256;
  readonly decode: (bytes: Uint8Array, digest: Sha256) => T;
}

/** That no document with a flipped bit, compressed or not, is read as another document than the one it names. */
export function expectToDetectEveryFlippedBit<T>({ bytes, digest, decode }: StoredLines<T>): void {
  const intact = decode(bytes, digest);
  for (const flipped of withEachBitFlipped(bytes)) {
    const read = readOrRefusal(() => decode(flipped, digest));
    if (!(read instanceof InvalidDocument)) expect(read).toEqual(intact);
  }
  for (const flipped of withEachBitFlipped(zstdDecompressSync(bytes))) {
    expect(readOrRefusal(() => decode(zstdCompressSync(flipped), digest))).toBeInstanceOf(InvalidDocument);
  }
}

/** Writes other lines, as somebody would who can also change the digest that names them. */
export function rewriteLines<T>(
  document: StoredLines<T>,
  rewrite: (lines: readonly string[]) => readonly string[],
): () => T {
  const lines = rewrite(zstdDecompressSync(document.bytes).toString().split('\n').slice(0, -1));
  const hasher = new LineHasher();
  for (const line of lines) hasher.add(line);
  const bytes = zstdCompressSync(Buffer.from(lines.map((line) => `${line}\n`).join('')));
  const digest = hasher.digest();
  return () => document.decode(bytes, digest);
}

function* withEachBitFlipped(bytes: Uint8Array): Generator<Uint8Array> {
  for (let index = 0; index < bytes.length; index++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[index] = (bytes[index] ?? 0) ^ (1 << bit);
      yield flipped;
    }
  }
}

function readOrRefusal<T>(read: () => T): T | InvalidDocument {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidDocument) return error;
    throw error;
  }
}
