import { Dice } from './randomness.ts';
import { padNumber, SITES, WORDS } from './words.ts';

export const PAGE_BYTES = 4096;

/** Pages of record text behind a small header each. */
export function database(path: string, pages: number): Buffer {
  const content = Buffer.alloc(pages * PAGE_BYTES);
  const dice = new Dice(`${path}|records`);
  for (let number = 0; number < pages; number++) {
    const page = pageOf(content, number);
    writeHeader(page, number, dice.between(1, 100_000));
    for (let slot = 0; slot < RECORDS; slot++) writeRecord(page, slot, recordText(dice, number * RECORDS + slot));
  }
  return content;
}

/** Three pages of a hundred, picked singly, get a new change number and one to three new records. */
export function updateDatabase(path: string, released: Buffer): Buffer {
  const content = Buffer.from(released);
  const pages = content.length / PAGE_BYTES;
  const dice = new Dice(`${path}|update`);
  for (const number of dice.distinct(Math.ceil((pages * 3) / 100), pages)) {
    const page = pageOf(content, number);
    writeHeader(page, number, dice.between(100_001, 200_000));
    for (let edits = dice.between(1, 3); edits > 0; edits--) {
      const slot = dice.between(0, RECORDS - 1);
      writeRecord(page, slot, recordText(dice, number * RECORDS + slot));
    }
  }
  return content;
}

function pageOf(content: Buffer, number: number): Buffer {
  return content.subarray(number * PAGE_BYTES, (number + 1) * PAGE_BYTES);
}

function writeHeader(page: Buffer, number: number, change: number): void {
  page.write('TCDBPAGE', 0, 'latin1');
  page.writeUInt32LE(number, 8);
  page.writeUInt32LE(change, 12);
  page.writeUInt32LE(RECORDS, 16);
}

function writeRecord(page: Buffer, slot: number, text: string): void {
  page.write(text, HEADER_BYTES + slot * RECORD_BYTES, 'latin1');
}

/** The order of the rolls is part of the format: another order makes other bytes. */
function recordText(dice: Dice, number: number): string {
  const hardware = padNumber(dice.roll().toString(16), 8) + padNumber(dice.between(0, 0xffff).toString(16), 4);
  const network = `10.${dice.between(0, 255)}.${dice.between(0, 255)}.${dice.between(1, 254)}`;
  const place = `${dice.oneOf(SITES)}/${dice.oneOf(WORDS)}-${dice.oneOf(WORDS)}`;
  const kind = dice.oneOf(WORDS);
  const boot = `boot=${dice.between(0, 99_999)};${dice.oneOf(WORDS)}=${dice.oneOf(WORDS)}`;
  const text = `TERM-${padNumber(number, 7)}|${network}|${hardware}|${place}|${kind}|${boot}`;
  return text.slice(0, RECORD_BYTES).padEnd(RECORD_BYTES);
}

const HEADER_BYTES = 32;
const RECORD_BYTES = 127;
const RECORDS = Math.floor((PAGE_BYTES - HEADER_BYTES) / RECORD_BYTES);
