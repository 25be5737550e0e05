/**
 * Says where a file is cut into chunks; one per file, given the file's bytes in order. Another cutter changes
 * which chunks there are, never what a reader needs to know.
 */
export interface Cutter {
  /** No chunk is longer. */
  readonly longest: number;
  /**
   * Length of the chunk that begins `bytes`, or 0 when more bytes are needed to say so: never 0 once `isEnd`, or
   * once there are `longest` bytes.
   */
  next(bytes: Uint8Array, isEnd: boolean): number;
}

/** Chunks of 1 MiB. */
export function createCutter(): Cutter {
  return {
    longest: CHUNK_BYTES,
    next: (bytes, isEnd) => (bytes.length >= CHUNK_BYTES ? CHUNK_BYTES : isEnd ? bytes.length : 0),
  };
}

const CHUNK_BYTES = 1024 * 1024;
