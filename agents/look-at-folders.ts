import { type BigIntStats, lstatSync } from 'node:fs';
import { classifier, IGNORE_CLASS, UNRECOGNISED } from '#core/classify.ts';
import type { LeftOut } from '#core/manifest.ts';
import type { ArtifactClass, Profile } from '#core/profile.ts';
import { DIGEST_BYTES, isStamp, STAMP_FIELDS, writeStamp } from './file-stats.ts';
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

/**
 * Files of one folder, sorted by name; the same index means the same file in all columns. A form that is quick to send
 * and to keep: few strings, few objects.
 */
export interface SeenFiles {
  /** Each ended by a line feed. */
  readonly names: string;
  /** The classes that there are, and the number of each file's own among them. */
  readonly classes: readonly ArtifactClass[];
  readonly classNumbers: Uint8Array;
  /** STAMP_FIELDS a file. */
  readonly stamps: BigInt64Array;
  /** DIGEST_BYTES a file. */
  readonly digests: Uint8Array;
  /** Indexes of those that are still to be read. */
  readonly unread: readonly number[];
  /** Of the others. */
  readonly bytesRead: number;
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
    const files = new FileColumns(listed.length);
    const kept: number[] = [];
    let keptBytes = 0;
    for (const one of listed) {
      switch (one.kind) {
        case 'file': {
          const place = places.get(one.name);
          const size = place === undefined ? undefined : this.#sizeOfKept(folder + one.name, place);
          if (size !== undefined && place !== undefined) {
            kept.push(place);
            keptBytes += size;
            break;
          }
          const file = this.#seeFile({ folder, name: one.name }, files);
          if (file === 'changed') return { kind: 'changed', path: folder + one.name };
          if (file !== undefined) leftOut.push(file);
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
    const isAll = kept.length === (rows?.count ?? 0);
    return { kind: 'seen', folders, leftOut, kept: isAll ? 'all' : kept, keptBytes, files: files.finish() };
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

  /** `undefined` for one that is no file any more, or looks otherwise. */
  #sizeOfKept(path: string, place: number): number | undefined {
    const stats = this.#stat(path);
    const isKept =
      stats !== undefined && this.#remembered !== undefined && isStamp(this.#remembered.stamps, place, stats);
    return isKept ? Number(stats.size) : undefined;
  }

  /** Adds one that counts to the columns. */
  #seeFile({ folder, name }: { folder: string; name: string }, files: FileColumns): LeftOut | 'changed' | undefined {
    const path = folder + name;
    const artifactClass = this.#classify(path);
    if (artifactClass === IGNORE_CLASS) return undefined;
    if (artifactClass === UNRECOGNISED) return { kind: 'unrecognised', path };
    const quick = this.#isTooMuch ? undefined : hashQuickly(`${this.#root}/${path}`);
    const stats = quick?.stats ?? this.#stat(path);
    if (stats === undefined) return 'changed';
    files.add(name, artifactClass, quick ?? { stats });
    if (quick?.sha256 !== undefined) {
      this.#filesRead++;
      this.#bytesRead += Number(stats.size);
    }
    return undefined;
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

/** Filled in the order of names. */
class FileColumns {
  readonly #names: string[] = [];
  readonly #classes: ArtifactClass[] = [];
  readonly #classNumbers: number[] = [];
  readonly #unread: number[] = [];
  readonly #most: number;
  #stamps = new BigInt64Array(0);
  #digests = Buffer.alloc(0);
  #bytesRead = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(
    name: string,
    artifactClass: ArtifactClass,
    { sha256, stats }: NonNullable<ReturnType<typeof hashQuickly>>,
  ): void {
    const index = this.#names.length;
    if (index === 0) {
      this.#stamps = new BigInt64Array(this.#most * STAMP_FIELDS);
      this.#digests = Buffer.alloc(this.#most * DIGEST_BYTES);
    }
    this.#names.push(name);
    const number = this.#classes.indexOf(artifactClass);
    this.#classNumbers.push(number === -1 ? this.#classes.push(artifactClass) - 1 : number);
    writeStamp(this.#stamps, index, stats);
    if (sha256 === undefined) {
      this.#unread.push(index);
      return;
    }
    this.#digests.write(sha256, index * DIGEST_BYTES, 'hex');
    this.#bytesRead += Number(stats.size);
  }

  finish(): SeenFiles | undefined {
    const count = this.#names.length;
    if (count === 0) return undefined;
    return {
      names: `${this.#names.join('\n')}\n`,
      classes: this.#classes,
      classNumbers: Uint8Array.from(this.#classNumbers),
      // Copies: of what is sent, all of its memory is.
      stamps: this.#stamps.slice(0, count * STAMP_FIELDS),
      digests: new Uint8Array(this.#digests.subarray(0, count * DIGEST_BYTES)),
      unread: this.#unread,
      bytesRead: this.#bytesRead,
    };
  }
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
