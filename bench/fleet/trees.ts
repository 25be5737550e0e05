import { database, PAGE_BYTES, updateDatabase } from './database.ts';
import { firmware, patchFirmware } from './firmware.ts';
import { Dice } from './randomness.ts';
import { license, note, programModule, SYNTAXES, settings } from './small-files.ts';
import { padNumber, SITES, WORDS, wordPool } from './words.ts';

/** `small` is one twentieth of `full`: in bytes for the large files, in number for the small ones. */
export type Scale = 'small' | 'full';

/**
 * `base`: five firmware packages of 600 MB, a database of 40 MiB, 300 modules, 2,000 configurations, five licenses.
 * `next`: base one release later, 78 of its files other than before. `many`: 100,000 text files of 4 KB in 1,000
 * folders. `many-next`: one in a hundred edited, one in a thousand removed, as many added.
 */
export type Release = 'base' | 'next' | 'many' | 'many-next';

export interface PlannedFile {
  readonly path: string;
  /** Seconds since 1970. A file that a release leaves alone keeps its time. */
  readonly time: number;
  content(): Buffer;
}

/** In a fixed order. */
export function planTree(scale: Scale, release: Release): Iterable<PlannedFile> {
  const shape = SHAPES[scale];
  switch (release) {
    case 'base':
      return serverTree(shape, false);
    case 'next':
      return serverTree(shape, true);
    case 'many':
      return manyTree(shape, false);
    case 'many-next':
      return manyTree(shape, true);
  }
}

interface Turnover {
  readonly count: number;
  readonly changed: number;
  readonly added: number;
  readonly removed: number;
}

interface Shape {
  readonly firmwareBytes: readonly number[];
  readonly databasePages: number;
  readonly modules: Turnover;
  readonly configs: Turnover;
  readonly manyFolders: number;
}

const SHAPES: Readonly<Record<Scale, Shape>> = {
  full: {
    firmwareBytes: [220e6, 160e6, 110e6, 70e6, 40e6],
    databasePages: (40 * 1024 * 1024) / PAGE_BYTES,
    modules: { count: 300, changed: 20, added: 1, removed: 1 },
    configs: { count: 2000, changed: 50, added: 4, removed: 4 },
    manyFolders: 1000,
  },
  small: {
    firmwareBytes: [11e6, 8e6, 5.5e6, 3.5e6, 2e6],
    databasePages: (2 * 1024 * 1024) / PAGE_BYTES,
    modules: { count: 15, changed: 1, added: 0, removed: 0 },
    configs: { count: 100, changed: 3, added: 1, removed: 1 },
    manyFolders: 50,
  },
};

const PATCHED_FIRMWARE: readonly number[] = [0, 2];
const LICENSES = 5;
const FILES_PER_FOLDER = 100;
const DATABASE = 'TermCap.db';
const BASE_TIME = Date.UTC(2026, 0, 15) / 1000;
const NEXT_TIME = Date.UTC(2026, 2, 1) / 1000;

function* serverTree(shape: Shape, isNext: boolean): Generator<PlannedFile> {
  for (const [index, size] of shape.firmwareBytes.entries()) {
    const path = `Firmware/package-${padNumber(index + 8, 2)}.fpkg`;
    const isPatched = isNext && PATCHED_FIRMWARE.includes(index);
    const released = () => firmware(path, size);
    yield file(path, isPatched, () => (isPatched ? patchFirmware(path, released()) : released()));
  }
  const pages = () => database(DATABASE, shape.databasePages);
  yield file(DATABASE, isNext, () => (isNext ? updateDatabase(DATABASE, pages()) : pages()));
  for (const { number, isOther, isChanged } of numbersOf('modules', shape.modules, isNext)) {
    const path = `Modules/${WORDS[number % WORDS.length]}-${padNumber(number, 4)}.tmod`;
    yield file(path, isOther, () => programModule(path, isChanged ? 2 : 1));
  }
  for (const { number, isOther, isChanged } of numbersOf('configs', shape.configs, isNext)) {
    const syntax = SYNTAXES[number % SYNTAXES.length] ?? 'xml';
    const folder = `${SITES[number % SITES.length]}/${WORDS[Math.floor(number / SITES.length) % 8]}`;
    const path = `Config/${folder}/setting-${padNumber(number, 5)}.${syntax}`;
    yield file(path, isOther, () => settings(path, syntax, isChanged));
  }
  for (let number = 1; number <= LICENSES; number++) {
    const path = `Licenses/server-${number}.lic`;
    yield file(path, false, () => license(path));
  }
}

function* manyTree({ manyFolders }: Shape, isNext: boolean): Generator<PlannedFile> {
  const pool = wordPool();
  const count = manyFolders * FILES_PER_FOLDER;
  const thousandth = Math.ceil(count / 1000);
  const turnover = { count, changed: Math.ceil(count / 100), added: thousandth, removed: thousandth };
  for (const { number, isOther, isChanged } of numbersOf('many', turnover, isNext)) {
    const folder = `d${padNumber(Math.floor(number / FILES_PER_FOLDER) % manyFolders, 4)}`;
    const path = `${folder}/file-${padNumber(number, 6)}.txt`;
    yield file(path, isOther, () => note(path, pool, isChanged));
  }
}

function file(path: string, isOther: boolean, content: () => Buffer): PlannedFile {
  return { path, time: isOther ? NEXT_TIME : BASE_TIME, content };
}

interface Numbered {
  readonly number: number;
  readonly isChanged: boolean;
  /** Changed or added by the release. */
  readonly isOther: boolean;
}

/** The files of one kind that a release holds. None is both changed and removed. */
function* numbersOf(kind: string, turnover: Turnover, isNext: boolean): Generator<Numbered> {
  const { count, added } = turnover;
  const { changed, removed } = isNext ? turn(kind, turnover) : NOTHING;
  for (let number = 0; number < count + (isNext ? added : 0); number++) {
    if (removed.has(number)) continue;
    const isChanged = changed.has(number);
    yield { number, isChanged, isOther: isChanged || number >= count };
  }
}

function turn(kind: string, { changed, count, removed }: Turnover): typeof NOTHING {
  const touched = new Dice(`release|${kind}`).distinct(changed + removed, count);
  const every = Math.max(1, Math.floor(touched.length / Math.max(1, removed)));
  const gone = new Set(touched.filter((_, index) => index % every === 0).slice(0, removed));
  return { changed: new Set(touched.filter((number) => !gone.has(number))), removed: gone };
}

const NOTHING: { readonly changed: ReadonlySet<number>; readonly removed: ReadonlySet<number> } = {
  changed: new Set(),
  removed: new Set(),
};
