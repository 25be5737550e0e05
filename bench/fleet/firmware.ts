import { Dice, Noise } from './randomness.ts';

/** A firmware package: noise, with about 8 % padding and string tables. */
export function firmware(path: string, size: number): Buffer {
  const content = new Noise(`${path}|noise`).take(size);
  const dice = new Dice(`${path}|padding`);
  for (let segment = 0; segment < size; segment += MEBIBYTE) {
    const length = dice.between(0, LONGEST_PADDING);
    const start = segment + dice.between(0, MEBIBYTE - LONGEST_PADDING);
    content.fill(dice.oneOf(PADDING), Math.min(start, size), Math.min(start + length, size), 'latin1');
  }
  return content;
}

/** The next release: 1 % overwritten in scattered runs of 1 to 256 KiB, and 10 KB inserted near the front. */
export function patchFirmware(path: string, released: Buffer): Buffer {
  const content = Buffer.from(released);
  const dice = new Dice(`${path}|patch`);
  const noise = new Noise(`${path}|patch-noise`);
  for (let left = Math.floor(content.length / 100); left > 0; ) {
    const length = Math.min(1024 << dice.between(0, 8), left);
    const offset = dice.between(0, content.length - length);
    noise.fill(content.subarray(offset, offset + length));
    left -= length;
  }
  const inserted = noise.take(INSERTED_BYTES);
  return Buffer.concat([content.subarray(0, INSERTED_AT), inserted, content.subarray(INSERTED_AT)]);
}

const MEBIBYTE = 1024 * 1024;
const LONGEST_PADDING = 160 * 1024;
const PADDING = ['\xff', '\x00', 'reserved-for-vendor-use\n', 'symbol_table_entry:0000:text\n'] as const;
const INSERTED_AT = 70_001;
const INSERTED_BYTES = 10_000;
