/**
 * Gives the memory of a large buffer back at once: the collector sees only small objects and would let hundreds of
 * megabytes pile up behind them. Nobody may use the bytes afterwards.
 */
export function freeBytes(bytes: Uint8Array): void {
  // Node cuts small buffers from one slab of this size, which others still use.
  if (bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength > Buffer.poolSize) bytes.buffer.transfer(0);
}
