import type { Tree } from '#test/support/trees.ts';
import { noise } from '../agents/noise.ts';

export const PROFILE = `name: faults
version: 1
rules:
  - class: license
    match: ["**/*.lic", "**/licenses/**/*"]
  - class: identity
    match: ["identity.id"]
  - class: firmware
    match: ["firmware/**"]
  - class: configuration
    match: ["**/*.ini", "**/*.txt", "empty/**", "deep/**", "turn/**"]
`;

export const READ_ONLY = 'read-only.ini';

const SAME: Tree = { 'same.ini': 'the same on both sides', 'firmware/same.bin': noise('same', 3000) };

/** A file of every kind of change, and what must be left alone. */
export const OURS: Tree = {
  ...SAME,
  'a.ini': 'new a',
  [READ_ONLY]: 'new, and read-only',
  // Cut into chunks.
  'firmware/boot.bin': noise('boot, new', 70_000),
  'firmware/made.bin': noise('made', 20_000),
  // Held by the destination under another name.
  'firmware/copy.bin': noise('same', 3000),
  'empty.ini': '',
  'deep/er/made.ini': 'made',
  'empty/e/': '',
  'turn/x': 'a file here',
  'x.lic': 'ours',
  'identity.id': 'ours',
};

/** So many new files and folders that the agent puts them to the disk together. */
export const CROWD: Tree = Object.fromEntries(
  Array.from({ length: 64 }, (_, index) => [`crowd/${index}/one.ini`, `one of many, ${index}`]),
);

/** An overwriting sync removes nothing, and is refused where a file would have to become a folder. */
export const THEIRS_FOR_OVERWRITE: Tree = {
  ...SAME,
  'a.ini': 'old a',
  [READ_ONLY]: 'old, and read-only',
  'firmware/boot.bin': noise('boot, old', 70_000),
  'empty.ini': 'not empty',
  'gone/deep/c.ini': 'only here',
  'x.lic': 'theirs',
  'licenses/one.dat': 'theirs',
  'identity.id': 'theirs',
  'odd.what': 'of no class',
};

export const THEIRS: Tree = {
  ...THEIRS_FOR_OVERWRITE,
  // A file where a folder is to be, and the reverse.
  'deep/er': 'file',
  'turn/x/y.ini': 'a folder there',
};
