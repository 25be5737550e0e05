import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Sha256 } from '#core/digest.ts';
import { freeBytes } from '#core/free-bytes.ts';

/** A chunk's content as it lies in some file of this server. */
export interface FilePiece {
  /** Absolute. */
  readonly path: string;
  readonly position: number;
  readonly size: number;
  readonly sha256: Sha256;
}

/** Runs in a thread. `undefined` when the file is gone, is no file, or no longer holds this content there. */
export function readContent({ path, position, sha256, size }: FilePiece): Uint8Array | undefined {
  const descriptor = openQuietly(path);
  if (descriptor === undefined) return undefined;
  try {
    if (!fstatSync(descriptor).isFile()) return undefined;
    const content = Buffer.allocUnsafeSlow(size);
    let read = 0;
    for (let count = -1; count !== 0 && read < size; read += count) {
      count = readSync(descriptor, content, read, size - read, position + read);
    }
    return read === size && hash('sha256', content, 'hex') === sha256 ? content : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Runs in a thread. Which of the pieces are what they should be. */
export function* checkPieces({
  pieces,
}: {
  readonly pieces: readonly FilePiece[];
}): Generator<never, boolean[], unknown> {
  return pieces.map((piece) => {
    const content = readContent(piece);
    if (content !== undefined) freeBytes(content);
    return content !== undefined;
  });
}

/** Whatever the reason, a piece that cannot be read is fetched instead. */
function openQuietly(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch {
    return undefined;
  }
}
