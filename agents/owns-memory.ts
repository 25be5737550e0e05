/** Whether the bytes are all that is in their memory, so that this can be moved to another thread. */
export function ownsMemory(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  return buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && byteLength > Buffer.poolSize;
}
