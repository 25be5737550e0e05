import { type Dirent, readdirSync } from 'node:fs';
import type { LeftOut } from '#core/manifest.ts';
import { brokenPathRule, WORK_FOLDER } from '#core/path-rules.ts';

/** One name in a folder, by what is to be done about it. */
export type Listed =
  | { readonly kind: 'file' | 'folder'; readonly name: string }
  /** Neither a file nor a folder; `type` is a link, or what it is in words. */
  | {
      readonly kind: 'other';
      readonly name: string;
      readonly type: 'link' | 'a FIFO' | 'a socket' | 'a device' | 'not a file';
    }
  | { readonly kind: 'unnameable'; readonly entry: LeftOut };

/**
 * What a folder holds, sorted by name, links not followed and no file opened. `folder` is '' or ends with a slash. `isKnown` spares
 * names of files that are known to keep the path rules.
 */
export function listFolder(root: string, folder: string, isKnown: (name: string) => boolean): Listed[] {
  const entries = readdirSync(`${root}/${folder}`, { withFileTypes: true }).sort(byName);
  const raw = new RawNames(root, folder);
  const listed: Listed[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (entry.isFile() && isKnown(name)) {
      listed.push({ kind: 'file', name });
      continue;
    }
    if (folder === '' && name === WORK_FOLDER) continue;
    const rule = brokenPathRule(folder + name);
    if (rule !== undefined) listed.push({ kind: 'unnameable', entry: unnameable(folder, entry, { rule, raw }) });
    else if (entry.isFile()) listed.push({ kind: 'file', name });
    else if (entry.isDirectory()) listed.push({ kind: 'folder', name });
    else listed.push({ kind: 'other', name, type: typeOf(entry) });
  }
  return listed;
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function unnameable(
  folder: string,
  entry: Dirent,
  { raw, rule }: { readonly rule: string; readonly raw: RawNames },
): LeftOut {
  const name = entry.name.includes('\ufffd') ? raw.next(entry.name) : Buffer.from(entry.name);
  const suffix = entry.isDirectory() ? '/' : '';
  const reason = entry.isDirectory() ? `${rule}; with everything in this folder` : rule;
  return { kind: 'unnameable', path: fit(folder + escapeName(name) + suffix), reason };
}

/** The bytes of names that are not UTF-8, which the plain listing has replaced. */
class RawNames {
  readonly #folder: string;
  /** How often a replaced name was met: several raw names may look the same. */
  readonly #met = new Map<string, number>();

  constructor(root: string, folder: string) {
    this.#folder = `${root}/${folder}`;
  }

  next(name: string): Buffer {
    const met = this.#met.get(name) ?? 0;
    this.#met.set(name, met + 1);
    const raw = readdirSync(this.#folder, { encoding: 'buffer' }).filter((bytes) => bytes.toString() === name);
    return raw[met] ?? Buffer.from(name);
  }
}

function typeOf(entry: Dirent): Extract<Listed, { readonly kind: 'other' }>['type'] {
  if (entry.isSymbolicLink()) return 'link';
  if (entry.isFIFO()) return 'a FIFO';
  if (entry.isSocket()) return 'a socket';
  return entry.isBlockDevice() || entry.isCharacterDevice() ? 'a device' : 'not a file';
}

/** Bytes that are no text, and the backslash itself, as \xNN: different names stay different. */
function escapeName(name: Buffer): string {
  let text = '';
  for (let at = 0; at < name.length; ) {
    const length = characterLength(name, at);
    const character = length === 0 ? '' : name.toString('utf8', at, at + length);
    if (character === '' || /[\p{Cc}\\\ufffd]/u.test(character)) {
      const bytes = name.subarray(at, at + Math.max(length, 1));
      text += [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
    } else {
      text += character;
    }
    at += Math.max(length, 1);
  }
  return text;
}

/** Bytes of the UTF-8 character that begins here; 0 when there is none. */
function characterLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    const text = bytes.toString('utf8', at, at + length);
    if (!text.includes('\ufffd')) return length;
  }
  return 0;
}

function fit(path: string): string {
  return path.length <= MAX_SHOWN ? path : `${path.slice(0, MAX_SHOWN)}…`;
}

const MAX_SHOWN = 8000;
