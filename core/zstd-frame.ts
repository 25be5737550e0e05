/**
 * Where the zstd frame that begins at `start` ends (RFC 8878, section 3.1), found by its block headers alone; the end of
 * all bytes when this is no frame, or one that is cut off: whoever decompresses it will say so.
 */
export function zstdFrameEnd(bytes: Uint8Array, start: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (start + SMALLEST_HEADER > bytes.length || view.getUint32(start, true) !== MAGIC) return bytes.length;
  const descriptor = view.getUint8(start + 4);
  let at = start + 5 + headerBytes(descriptor);
  for (let isLast = false; !isLast; ) {
    if (at + BLOCK_HEADER > bytes.length) return bytes.length;
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    isLast = (header & 1) === 1;
    const isRepeatedByte = ((header >> 1) & 3) === 1;
    at += BLOCK_HEADER + (isRepeatedByte ? 1 : header >> 3);
  }
  const hasChecksum = (descriptor & 4) !== 0;
  return Math.min(at + (hasChecksum ? 4 : 0), bytes.length);
}

/** How many bytes the first frame says that it holds, which need not be true; `undefined` where it does not say so. */
export function zstdContentSize(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LARGEST_HEADER || view.getUint32(0, true) !== MAGIC) return undefined;
  const { beforeSize, size } = headerFields(view.getUint8(4));
  const at = 5 + beforeSize;
  switch (size) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    case 8:
      return Number(view.getBigUint64(at, true));
    default:
      return undefined;
  }
}

function headerBytes(descriptor: number): number {
  const { beforeSize, size } = headerFields(descriptor);
  return beforeSize + size;
}

/** Bytes of window and dictionary, and of the content's size, as the descriptor says which of them are there. */
function headerFields(descriptor: number): { readonly beforeSize: number; readonly size: number } {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeCode = descriptor >> 6;
  const size = sizeCode === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeCode;
  return { beforeSize: (isSingleSegment ? 0 : 1) + dictionary, size };
}

const MAGIC = 0xfd2fb528;
const SMALLEST_HEADER = 6;
const LARGEST_HEADER = 18;
const BLOCK_HEADER = 3;
