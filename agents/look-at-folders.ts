import { type BigIntStats, lstatSync } from 'node:fs';
import { classifier, IGNORE_CLASS, UNRECOGNISED } from '#core/classify.ts';
import type { Sha256 } from '#core/digest.ts';
import type { LeftOut } from '#core/manifest.ts';
import type { ArtifactClass, Profile } from '#core/profile.ts';
import { type FileStats, isStamp, STAMP_FIELDS, writeStamp } from './file-stats.ts';
import { hashQuickly } from './hash-files.ts';
import { type Listed, listFolder } from './list-folder.ts';

export interface LookInput {
  /** Absolute. */
  readonly root: string;
  readonly profile: Profile;
  /** Of all folders, in memory that the threads share. */
  readonly remembered?: RememberedRows | undefined;
  readonly folders: readonly FolderToSee[];
}

/** Rows of files; the digests are the main thread's business. */
export interface RememberedRows {
  /** Each ended by a line feed. */
  readonly names: Uint8Array;
  /** STAMP_FIELDS a row. */
  readonly stamps: BigInt64Array;
}

export interface FolderToSee {
  /** '' for the root; else ends with a slash. */
  readonly path: string;
  readonly rows?: RowsOfFolder | undefined;
  /** Names of files that are read whatever is remembered of them. */
  readonly mistrusted?: readonly string[] | undefined;
}

/** Where a folder's rows lie in RememberedRows. */
export interface RowsOfFolder {
  readonly first: number;
  readonly count: number;
  /** Bytes of `names`, from and to. */
  readonly names: readonly [from: number, to: number];
}

/** Files of one folder, sorted by name, in a form that is quick to send: few strings, few objects. */
export interface SeenFiles {
  readonly count: number;
  /** Each ended by a line feed. */
  readonly names: string;
  /** The classes that there are, and the number of each file's own among them. */
  readonly classes: readonly ArtifactClass[];
  readonly classNumbers: Uint8Array;
  /** STAMP_FIELDS a file. */
  readonly stamps: BigInt64Array;
  /** Each ended by a line feed; nothing for a file that is still to be read. */
  readonly digests: string;
}

export type SeenFolder =
  /** A folder, or the file of that path, vanished between two looks. */
  | { readonly kind: 'changed'; readonly path: string }
  | {
      readonly kind: 'seen';
      /** Names of folders in it. */
      readonly folders: readonly string[];
      readonly leftOut: readonly LeftOut[];
      /** Places, among the folder's rows, of files that look as they did. */
      readonly kept: 'all' | readonly number[];
      /** Of the files that are kept. */
      readonly keptBytes: number;
      /** All other files that count. */
      readonly files: SeenFiles | undefined;
    };

/**
 * Runs in a thread. Lists folders, compares their files with what is remembered, and reads the small ones that are new
 * or look different. One answer a folder, in order; fewer than there are folders once that is work enough for one go.
 */
export function* lookAtFolders(input: LookInput): Generator<undefined, SeenFolder[], unknown> {
  const look = new Look(input);
  const seen: SeenFolder[] = [];
  for (const folder of input.folders) {
    seen.push(yield* look.at(folder));
    if (look.isEnough) break;
  }
  return seen;
}

class Look {
  readonly #root: string;
  readonly #remembered: RememberedRows | undefined;
  readonly #classify: (path: string) => ArtifactClass;
  #looks = 0;
  #filesRead = 0;
  #bytesRead = 0;

  constructor({ profile, remembered, root }: LookInput) {
    this.#root = root;
    this.#remembered = remembered;
    this.#classify = classifierOf(profile);
  }

  get isEnough(): boolean {
    return this.#looks >= ENOUGH_LOOKS || this.#filesRead >= ENOUGH_FILES || this.#bytesRead >= ENOUGH_BYTES;
  }

  /** A folder is left half read only when it is a large one, which several threads had better share. */
  get #isTooMuch(): boolean {
    return this.#filesRead >= 4 * ENOUGH_FILES || this.#bytesRead >= 4 * ENOUGH_BYTES;
  }

  *at({ mistrusted, path: folder, rows }: FolderToSee): Generator<undefined, SeenFolder, unknown> {
    const places = this.#placesOf(rows);
    const listed = this.#list(folder, places);
    if (listed === undefined) return { kind: 'changed', path: folder };
    for (const name of mistrusted ?? []) places.delete(name);
    const folders: string[] = [];
    const leftOut: LeftOut[] = [];
    const files: SeenFile[] = [];
    const kept: number[] = [];
    let keptBytes = 0;
    for (const one of listed) {
      switch (one.kind) {
        case 'file': {
          const file = this.#seeFile(folder, one.name, places.get(one.name));
          if (file === 'changed') return { kind: 'changed', path: folder + one.name };
          if (file === undefined) break;
          if ('place' in file) {
            kept.push(file.place);
            keptBytes += file.size;
          } else if ('class' in file) files.push(file);
          else leftOut.push(file);
          break;
        }
        case 'folder':
          folders.push(one.name);
          break;
        case 'other':
          leftOut.push(...this.#seeOther(folder + one.name, one.type));
          break;
        case 'unnameable':
          leftOut.push(one.entry);
          break;
      }
      // So that one who is told to stop can.
      if (++this.#looks % PAUSE_EVERY === 0) yield;
    }
    // What arrives in order is sorted the sooner in the end.
    folders.sort();
    const isAll = kept.length === (rows?.count ?? 0);
    return { kind: 'seen', folders, leftOut, kept: isAll ? 'all' : kept, keptBytes, files: columnsOf(files) };
  }

  #placesOf(rows: RowsOfFolder | undefined): Map<string, number> {
    const places = new Map<string, number>();
    if (rows === undefined || this.#remembered === undefined) return places;
    const { buffer, byteOffset } = this.#remembered.names;
    const [from, to] = rows.names;
    const names = Buffer.from(buffer, byteOffset + from, to - from).toString();
    let start = 0;
    for (let place = rows.first; place < rows.first + rows.count; place++) {
      const end = names.indexOf('\n', start);
      places.set(names.slice(start, end), place);
      start = end + 1;
    }
    return places;
  }

  #list(folder: string, places: ReadonlyMap<string, number>): Listed[] | undefined {
    try {
      return listFolder(this.#root, folder, (name) => places.has(name));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (folder !== '' && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  #seeFile(
    folder: string,
    name: string,
    place: number | undefined,
  ): SeenFile | LeftOut | { readonly place: number; readonly size: number } | 'changed' | undefined {
    const path = folder + name;
    if (place !== undefined && this.#remembered !== undefined) {
      const stats = this.#stat(path);
      if (stats === undefined) return 'changed';
      if (isStamp(this.#remembered.stamps, place, stats)) return { place, size: Number(stats.size) };
    }
    const artifactClass = this.#classify(path);
    if (artifactClass === IGNORE_CLASS) return undefined;
    if (artifactClass === UNRECOGNISED) return { kind: 'unrecognised', path };
    return this.#read(path, { name, class: artifactClass });
  }

  #read(path: string, file: Pick<SeenFile, 'name' | 'class'>): SeenFile | 'changed' {
    const quick = this.#isTooMuch ? undefined : hashQuickly(`${this.#root}/${path}`);
    const stats = quick?.stats ?? this.#stat(path);
    if (stats === undefined) return 'changed';
    if (quick?.sha256 !== undefined) {
      this.#filesRead++;
      this.#bytesRead += Number(stats.size);
    }
    return { ...file, stats, sha256: quick?.sha256 };
  }

  #seeOther(path: string, type: Extract<Listed, { readonly kind: 'other' }>['type']): LeftOut[] {
    if (this.#classify(path) === IGNORE_CLASS) return [];
    return type === 'link' ? [{ kind: 'link', path }] : [{ kind: 'special', path, reason: type }];
  }

  /** `undefined` for what is no file any more. */
  #stat(path: string): BigIntStats | undefined {
    const stats = lstatSync(`${this.#root}/${path}`, { bigint: true, throwIfNoEntry: false });
    return stats?.isFile() === true ? stats : undefined;
  }
}

interface SeenFile {
  readonly name: string;
  readonly class: ArtifactClass;
  readonly stats: FileStats;
  readonly sha256: Sha256 | undefined;
}

function columnsOf(files: SeenFile[]): SeenFiles | undefined {
  if (files.length === 0) return undefined;
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  const classes = [...new Set(files.map((file) => file.class))];
  const stamps = new BigInt64Array(files.length * STAMP_FIELDS);
  for (const [index, { stats }] of files.entries()) writeStamp(stamps, index, stats);
  return {
    count: files.length,
    names: files.map(({ name }) => `${name}\n`).join(''),
    classes,
    classNumbers: Uint8Array.from(files, (file) => classes.indexOf(file.class)),
    stamps,
    digests: files.map(({ sha256 = '' }) => `${sha256}\n`).join(''),
  };
}

/** Made once for a scan, not for every part of it; a profile comes as a copy each time. */
function classifierOf(profile: Profile): (path: string) => ArtifactClass {
  const text = JSON.stringify(profile);
  if (lastClassifier?.profile !== text) lastClassifier = { profile: text, classify: classifier(profile) };
  return lastClassifier.classify;
}

let lastClassifier: { readonly profile: string; readonly classify: (path: string) => ArtifactClass } | undefined;

const ENOUGH_LOOKS = 4096;
const ENOUGH_FILES = 256;
const ENOUGH_BYTES = 4 * 1024 * 1024;
const PAUSE_EVERY = 8192;
