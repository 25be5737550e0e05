/**
 * A zstd frame (RFC 8878) that repeats one byte: four bytes for every 128 KiB that it inflates to. `before` and `after`
 * stand in it as they are.
 */
export function zstdBomb(inflated: number, { after = '', before = '', byte = 0x0a }: BombContent = {}): Buffer {
  const repeated = Buffer.alloc(Math.ceil(inflated / MAX_BLOCK) * 4);
  for (let at = 0; at < repeated.length; at += 4) {
    repeated.writeUIntLE((MAX_BLOCK << 3) | REPEATED_BYTE, at, 3);
    repeated[at + 3] = byte;
  }
  return Buffer.concat([HEADER, rawBlock(before, false), repeated, rawBlock(after, true)]);
}

export interface BombContent {
  readonly byte?: number;
  readonly before?: string;
  readonly after?: string;
}

function rawBlock(text: string, isLast: boolean): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((Buffer.byteLength(text) << 3) | (isLast ? LAST : 0), 0, 3);
  return Buffer.concat([header, Buffer.from(text)]);
}

/** Magic number; nothing said of the size; a window of 128 KiB. */
const HEADER = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]);
const MAX_BLOCK = 128 * 1024;
const REPEATED_BYTE = 1 << 1;
const LAST = 1;

export const GIB = 1024 ** 3;
