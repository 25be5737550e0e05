import { type ServerShape, serverTree } from './server-tree.ts';
import { note } from './small-files.ts';
import { numbersOf } from './turnover.ts';
import { padNumber, wordPool } from './words.ts';
import { largeTree, shrinkingTree, softwareTree, sqliteTree, swappedTree } from './workload-trees.ts';

/** `small` is one twentieth of `full`: in bytes for the large files, in number for the small ones. */
export type Scale = 'small' | 'full';

/**
 * `base`: five firmware packages of 600 MB, a database of 40 MiB, 300 modules, 2,000 configurations, five licenses.
 * `next`: base one release later, 78 of its files other than before; `next2` and `next3`: two and three releases
 * later. `many`: 100,000 text files of 4 KB in 1,000 folders. `many-next`: one in a hundred edited, one in a thousand
 * removed, as many added. The others: see workload-trees.ts.
 */
export type Release =
  | 'base'
  | 'next'
  | 'next2'
  | 'next3'
  | 'many'
  | 'many-next'
  | 'sqlite'
  | 'sqlite-updated'
  | 'sqlite-vacuumed'
  | 'shrink'
  | 'shrink-next'
  | 'swap'
  | 'swap-next'
  | 'software'
  | 'software-next'
  | 'large'
  | 'large-next';

export interface PlannedFile {
  readonly path: string;
  /** Seconds since 1970. A file that a release leaves alone keeps its time. */
  readonly time: number;
  /** What is too large to be held comes in pieces. */
  content(): Buffer | Iterable<Buffer>;
}

/** In a fixed order. */
export function planTree(scale: Scale, release: Release): Iterable<PlannedFile> {
  const shape = SHAPES[scale];
  switch (release) {
    case 'base':
      return serverTree(shape, 0);
    case 'next':
      return serverTree(shape, 1);
    case 'next2':
      return serverTree(shape, 2);
    case 'next3':
      return serverTree(shape, 3);
    case 'many':
      return manyTree(shape, 0);
    case 'many-next':
      return manyTree(shape, 1);
    case 'sqlite':
      return sqliteTree(shape.databaseRows, 'made');
    case 'sqlite-updated':
      return sqliteTree(shape.databaseRows, 'updated');
    case 'sqlite-vacuumed':
      return sqliteTree(shape.databaseRows, 'vacuumed');
    case 'shrink':
      return shrinkingTree(shape.workloadBytes, false);
    case 'shrink-next':
      return shrinkingTree(shape.workloadBytes, true);
    case 'swap':
      return swappedTree(shape.workloadBytes, false);
    case 'swap-next':
      return swappedTree(shape.workloadBytes, true);
    case 'software':
      return softwareTree('older');
    case 'software-next':
      return softwareTree('newer');
    case 'large':
      return largeTree(shape.largeBytes, false);
    case 'large-next':
      return largeTree(shape.largeBytes, true);
  }
}

interface Shape extends ServerShape {
  readonly manyFolders: number;
  readonly databaseRows: number;
  readonly workloadBytes: number;
  readonly largeBytes: number;
}

const SHAPES: Readonly<Record<Scale, Shape>> = {
  full: {
    firmwareBytes: [220e6, 160e6, 110e6, 70e6, 40e6],
    databaseBytes: 40 * 1024 * 1024,
    modules: { count: 300, changed: 20, added: 1, removed: 1 },
    configs: { count: 2000, changed: 50, added: 4, removed: 4 },
    manyFolders: 1000,
    databaseRows: 200_000,
    workloadBytes: 40e6,
    largeBytes: 5e9,
  },
  small: {
    firmwareBytes: [11e6, 8e6, 5.5e6, 3.5e6, 2e6],
    databaseBytes: 2 * 1024 * 1024,
    modules: { count: 15, changed: 1, added: 0, removed: 0 },
    configs: { count: 100, changed: 3, added: 1, removed: 1 },
    manyFolders: 50,
    databaseRows: 10_000,
    workloadBytes: 2e6,
    largeBytes: 250e6,
  },
};

const FILES_PER_FOLDER = 100;

function* manyTree({ manyFolders }: Shape, generation: number): Generator<PlannedFile> {
  const pool = wordPool();
  const count = manyFolders * FILES_PER_FOLDER;
  const thousandth = Math.ceil(count / 1000);
  const turnover = { count, changed: Math.ceil(count / 100), added: thousandth, removed: thousandth };
  for (const { changedIn, number, time } of numbersOf('many', turnover, generation)) {
    const folder = `d${padNumber(Math.floor(number / FILES_PER_FOLDER) % manyFolders, 4)}`;
    const path = `${folder}/file-${padNumber(number, 6)}.txt`;
    yield { path, time, content: () => note(path, pool, changedIn.length > 0) };
  }
}
