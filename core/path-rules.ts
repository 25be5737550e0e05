import type { z } from 'zod';
import { PathRefused } from './errors.ts';

/** A path below a server's root that means the same file, and only that file, on Linux and on Windows. */
export type RelativePath = string & z.$brand<'RelativePath'>;

/** Agents stage here, below the root; never part of a manifest. */
export const WORK_FOLDER = '.lockstep';

const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;
const FIRST_PRINTABLE = 0x20;
const DELETE = 0x7f;
const LAST_C1_CONTROL = 0x9f;

/** Windows opens a device for these names, with or without an extension. */
const DEVICE_NAME = /^(con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(\..*)?$/i;

/** Nearly every path: nothing in it that a rule is about, and much quicker to see than to try rule after rule. */
const PLAIN_PATH = /^[\w-]+(?:[ ./][\w-]+)*$/;
const PERHAPS_DEVICE = /(?:^|\/)(?:con|prn|aux|nul|com|lpt)/i;

export function parseRelativePath(path: string): RelativePath {
  const rule = brokenPathRule(path);
  if (rule !== undefined) throw new PathRefused(path, rule);
  return path as RelativePath;
}

/** The first rule that the path breaks, in words; `undefined` for a path that breaks none. */
export function brokenPathRule(path: string): string | undefined {
  if (path.length <= MAX_NAME_BYTES && PLAIN_PATH.test(path) && !PERHAPS_DEVICE.test(path)) return undefined;
  if (path === '') return 'it is empty';
  if (!path.isWellFormed()) return 'it is not valid Unicode';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`;
  if (path.includes('\\')) return 'it has a backslash';
  if (path.startsWith('/')) return 'it is absolute';
  for (const name of path.split('/')) {
    const rule = brokenNameRule(name);
    if (rule !== undefined) return rule;
  }
  const [first = ''] = path.split('/');
  if (foldPath(first) === WORK_FOLDER) return `${WORK_FOLDER} belongs to Lockstep`;
  return undefined;
}

function brokenNameRule(name: string): string | undefined {
  if (name === '') return 'it has an empty name';
  if (name === '.' || name === '..') return 'it climbs with . or ..';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `a name is longer than ${MAX_NAME_BYTES} bytes`;
  if (name.includes(':')) return 'a colon means a drive or a stream on Windows';
  if (name.endsWith('.') || name.endsWith(' ')) return 'Windows drops a trailing dot or space';
  if (DEVICE_NAME.test(name)) return 'it is a device name on Windows';
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code < FIRST_PRINTABLE || (code >= DELETE && code <= LAST_C1_CONTROL)) return 'it has a control character';
    if (code === 0xfffd) return 'it is not valid Unicode';
  }
  return undefined;
}

/** Characters that a path may have but that a Windows file system cannot store. */
export function isStorableOnWindows(path: string): boolean {
  return !/[<>"|?*]/.test(path);
}

/**
 * The form in which paths are compared for protection and collisions: NFC and full case folding. It folds a
 * little more than NTFS does (ß and ss meet), which errs on the side of refusing. A sigma folds to one form
 * wherever it stands, because a glob and the path that it is to match end their words differently.
 */
export function foldPath(path: string): string {
  if (ASCII.test(path)) return path.toLowerCase();
  const folded = path.normalize('NFC').toLowerCase().toUpperCase().toLowerCase();
  return folded.replaceAll('ς', 'σ').normalize('NFC');
}

const ASCII = /^[ -~]*$/;
