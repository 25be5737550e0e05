/**
 * Gives the memory of a buffer back at once: the collector sees only small objects and would let hundreds of megabytes
 * pile up behind them. Nobody may use the bytes afterwards.
 */
export function freeBytes({ buffer }: Uint8Array): void {
  const { byteLength } = buffer;
  // A slab from which Node cuts small buffers is as long as this: others still use it.
  if (byteLength < WORTH_IT || byteLength === Buffer.poolSize) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** One after the other, in memory that can be given back. */
export function joinBytes(parts: readonly Uint8Array[]): Buffer {
  const joined = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

const WORTH_IT = 1024;

/** Shorter ones Node may cut from a slab, which cannot be given back. */
export const SMALLEST_OWN = Buffer.poolSize >>> 1;
