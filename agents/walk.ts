import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import type { EmptyFolder, LeftOut } from '#core/manifest.ts';
import { brokenPathRule, type RelativePath, WORK_FOLDER } from '#core/path-rules.ts';
import { type ArtifactClass, IGNORE_CLASS, isSyncedClass, UNRECOGNISED } from '#core/profile.ts';
import { type FileStats, plainStats } from './file-stats.ts';

/** A file whose content counts; still to be hashed. */
export interface FoundFile {
  readonly kind: 'file';
  readonly path: RelativePath;
  readonly class: ArtifactClass;
  /** When it was found. */
  readonly stats: FileStats;
}

export type Found = FoundFile | EmptyFolder | LeftOut;

/** A folder or a file vanished between two looks at it: look again. */
export class TreeChanged extends Error {
  override readonly name = 'TreeChanged';
  readonly path: string;

  constructor(path: string, options?: ErrorOptions) {
    super(`${path} changed while the folder was read`, options);
    this.path = path;
  }
}

/**
 * Every name below the root, without following links and without opening a file. System calls are synchronous:
 * several times faster than their promises, and the caller takes its pauses between two items.
 */
export function walk(root: string, classify: (path: string) => ArtifactClass): Generator<Found, void, undefined> {
  return new Walker(root, classify).walkRoot();
}

class Walker {
  readonly #root: string;
  readonly #classify: (path: string) => ArtifactClass;

  constructor(root: string, classify: (path: string) => ArtifactClass) {
    this.#root = root;
    this.#classify = classify;
  }

  *walkRoot(): Generator<Found, void, undefined> {
    yield* this.#visitAll(
      '',
      this.#list('').filter(({ name }) => name !== WORK_FOLDER),
    );
  }

  /** Whether anything was listed. */
  *#visitAll(folder: string, entries: readonly Dirent[]): Generator<Found, boolean, undefined> {
    let isEmpty = true;
    for (const entry of entries) {
      const path = folder + entry.name;
      const rule = brokenPathRule(path);
      if (rule === undefined && entry.isDirectory()) {
        if (yield* this.#visitFolder(path)) isEmpty = false;
        continue;
      }
      const found = rule === undefined ? this.#classified(path, entry) : this.#unnameable(folder, entry, rule);
      if (found === undefined) continue;
      isEmpty = false;
      yield found;
    }
    return !isEmpty;
  }

  *#visitFolder(path: string): Generator<Found, boolean, undefined> {
    // A folder whose own class is ignored is walked as well: a license may lie in it.
    if (yield* this.#visitAll(`${path}/`, this.#list(path))) return true;
    if (!isSyncedClass(this.#classify(path))) return false;
    yield { kind: 'folder', path: `${path}/` };
    return true;
  }

  #classified(path: string, entry: Dirent): Found | undefined {
    const artifactClass = this.#classify(path);
    if (artifactClass === IGNORE_CLASS) return undefined;
    if (entry.isSymbolicLink()) return { kind: 'link', path };
    if (!entry.isFile()) return { kind: 'special', path, reason: kindOf(entry) };
    if (artifactClass === UNRECOGNISED) return { kind: 'unrecognised', path };
    // Its rules were looked at above.
    return { kind: 'file', path: path as RelativePath, class: artifactClass, stats: this.#stat(path) };
  }

  #stat(path: string): FileStats {
    const stats = lstatSync(`${this.#root}/${path}`, { bigint: true, throwIfNoEntry: false });
    if (stats?.isFile() !== true) throw new TreeChanged(path);
    return plainStats(stats);
  }

  #list(path: string): Dirent[] {
    try {
      return readdirSync(path === '' ? this.#root : `${this.#root}/${path}`, { withFileTypes: true });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (path !== '' && (code === 'ENOENT' || code === 'ENOTDIR')) throw new TreeChanged(path, { cause: error });
      throw error;
    }
  }

  #unnameable(folder: string, entry: Dirent, rule: string): LeftOut {
    const name = entry.name.includes('\ufffd') ? this.#rawName(folder, entry.name) : Buffer.from(entry.name);
    const suffix = entry.isDirectory() ? '/' : '';
    const reason = entry.isDirectory() ? `${rule}; with everything in this folder` : rule;
    return { kind: 'unnameable', path: fit(folder + escapeName(name) + suffix), reason };
  }

  /** The bytes of a name that is not UTF-8, which the plain listing has replaced. */
  #rawName(folder: string, name: string): Buffer {
    const seen = this.#rawNames.get(folder + name) ?? 0;
    this.#rawNames.set(folder + name, seen + 1);
    const raw = readdirSync(`${this.#root}/${folder}`, { encoding: 'buffer' }).filter(
      (bytes) => bytes.toString() === name,
    );
    return raw[seen] ?? Buffer.from(name);
  }

  /** How often a replaced name was met: several raw names may look the same. */
  readonly #rawNames = new Map<string, number>();
}

function kindOf(entry: Dirent): string {
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
