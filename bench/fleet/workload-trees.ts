import { Noise } from './randomness.ts';
import { findTwoVersions } from './software.ts';
import { type DatabaseState, sqliteDatabase } from './sqlite-database.ts';
import type { PlannedFile } from './trees.ts';
import { timeOf } from './turnover.ts';

/** A SQLite database of devices, as a program writes it: then rows updated and inserted; then vacuumed. */
export function* sqliteTree(rows: number, state: DatabaseState): Generator<PlannedFile> {
  const generation = { made: 0, updated: 1, vacuumed: 2 }[state];
  yield { path: 'data/devices.sqlite', time: timeOf(generation), content: () => sqliteDatabase(rows, state) };
}

/** Files that lose their end, their beginning, a part from the middle, and everything. */
export function* shrinkingTree(bytes: number, isNext: boolean): Generator<PlannedFile> {
  const cuts: Readonly<Record<string, (content: Buffer) => Buffer>> = {
    'loses-its-end.bin': (content) => content.subarray(0, content.length / 2),
    'loses-its-beginning.bin': (content) => content.subarray(content.length / 3),
    'loses-its-middle.bin': (content) =>
      Buffer.concat([content.subarray(0, content.length / 4), content.subarray(content.length / 2)]),
    'loses-everything.bin': () => Buffer.alloc(0),
  };
  for (const [path, cut] of Object.entries(cuts)) {
    const whole = () => new Noise(`${path}|shrink`).take(bytes);
    yield { path, time: timeOf(isNext ? 1 : 0), content: () => (isNext ? cut(whole()) : whole()) };
  }
}

/** Two large files and two small ones that take each other's name. */
export function* swappedTree(bytes: number, isNext: boolean): Generator<PlannedFile> {
  const sizes = { 'package-a.bin': bytes, 'package-b.bin': bytes + 12_345, 'note-a.txt': 3000, 'note-b.txt': 4000 };
  const paths = Object.keys(sizes) as (keyof typeof sizes)[];
  for (const [index, path] of paths.entries()) {
    const named = (isNext ? paths[index ^ 1] : undefined) ?? path;
    yield { path, time: timeOf(isNext ? 1 : 0), content: () => new Noise(`${named}|swap`).take(sizes[named]) };
  }
}

/** Every package that this project has installed in two versions, in one of the two. Nothing where there are none. */
export function* softwareTree(version: 'older' | 'newer'): Generator<PlannedFile> {
  for (const software of findTwoVersions()) {
    for (const { path, read } of software[version]) {
      yield { path: `${software.name}/${path}`, time: timeOf(version === 'newer' ? 1 : 0), content: read };
    }
  }
}

/**
 * One file: of every 4 MiB the first quarter does not compress, the rest are pages with a number and a form. Its next
 * version has another noise in every hundredth of these segments, and 10,000 bytes more near the front.
 */
export function* largeTree(bytes: number, isNext: boolean): Generator<PlannedFile> {
  yield { path: 'images/terminal.img', time: timeOf(isNext ? 1 : 0), content: () => largePieces(bytes, isNext) };
}

function* largePieces(bytes: number, isNext: boolean): Generator<Buffer> {
  const segment = Buffer.alloc(SEGMENT_BYTES);
  const [noise, change] = [new Noise('large|noise'), new Noise('large|change')];
  for (let page = NOISE_BYTES; page < SEGMENT_BYTES; page += FORM_BYTES) segment.fill(FORM, page, page + FORM_BYTES);
  for (let number = 0; number * SEGMENT_BYTES < bytes; number++) {
    noise.fill(segment.subarray(0, NOISE_BYTES));
    if (isNext && number % 100 === 50) change.fill(segment.subarray(0, NOISE_BYTES));
    for (let page = NOISE_BYTES; page < SEGMENT_BYTES; page += FORM_BYTES) {
      segment.writeUInt32LE(number, page);
      segment.writeUInt32LE(page, page + 4);
    }
    if (isNext && number === 1) yield change.take(10_000);
    yield segment.subarray(0, Math.min(SEGMENT_BYTES, bytes - number * SEGMENT_BYTES));
  }
}

const SEGMENT_BYTES = 4 * 1024 * 1024;
const NOISE_BYTES = SEGMENT_BYTES / 4;
const FORM_BYTES = 4096;
const FORM = '........|sector of a terminal image; firmware=unchanged;state=empty;owner=nobody|';
