import { classifier, isProtectedClass, isSyncedClass } from '#core/classify.ts';
import type { Sha256 } from '#core/digest.ts';
import { type Manifest, type ManifestEntry, sumUpEntries } from '#core/manifest.ts';
import type { RelativePath } from '#core/path-rules.ts';
import type { ArtifactClass, Profile } from '#core/profile.ts';
import { DIGEST_BYTES, type FileStats, isOlder, readStamp, writeStamp } from './file-stats.ts';
import type { RowsOfFolder, SeenFiles, SeenFolder } from './look-at-folders.ts';
import { ColumnsBuilder, digestAt, namesOf, type StatColumns } from './stat-columns.ts';
import type { ScanMemory } from './stat-index.ts';
import type { WalkedFolder } from './walk.ts';

export interface HarvestOptions {
  readonly profile: Profile;
  readonly profileDigest: Sha256;
  readonly memory: ScanMemory | undefined;
}

/** A file that the walk has left to be read. */
export interface UnreadFile {
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  /** Protected files are hashed, and go nowhere. */
  readonly isProtected: boolean;
  readonly columns: SeenFiles;
  readonly index: number;
}

export interface Gathered {
  /** Files whose digests are known, and their bytes. */
  readonly done: { readonly files: number; readonly bytes: number };
  readonly unread: readonly UnreadFile[];
}

export interface Stock {
  readonly manifest: Manifest;
  /** `undefined` where that is what is remembered. */
  readonly toRemember: StatColumns | undefined;
}

/**
 * Gathers what a walk brings in while it goes on, and sums it up at its end. What is known of a file stays in columns; an
 * entry of the manifest is made of it when somebody asks, for a hundred thousand of them are a heap of their own.
 */
export class Harvest {
  readonly #options: HarvestOptions;
  /** By path, parents before what is in them. */
  readonly #folders = new Map<string, HarvestedFolder>();

  constructor(options: HarvestOptions) {
    this.#options = options;
  }

  add({ path, rows = NO_ROWS, seen }: WalkedFolder): Gathered {
    const { files, kept, keptBytes } = seen;
    this.#folders.set(path, { path, rows, seen });
    const done = { files: kept === 'all' ? rows.count : kept.length, bytes: keptBytes };
    if (files === undefined) return { done, unread: [] };
    done.files += files.classNumbers.length - files.unread.length;
    done.bytes += files.bytesRead;
    const names = files.unread.length === 0 ? [] : files.names.split('\n');
    const unread = files.unread.map((index) => {
      const { mtime, size } = readStamp(files.stamps, index);
      const isProtected = isProtectedClass(classOf(files, index));
      return { path: path + names[index], size, mtime, isProtected, columns: files, index };
    });
    return { done, unread };
  }

  addRead({ columns, index }: UnreadFile, read: { readonly sha256: Sha256; readonly stats: FileStats }): void {
    writeStamp(columns.stamps, index, read.stats);
    bytesOf(columns.digests).write(read.sha256, index * DIGEST_BYTES, 'hex');
  }

  /** Where every remembered row was found again and the rest is the same, so is the sum. */
  sumUp(): Stock {
    const { memory, profileDigest } = this.#options;
    const empty = this.#emptyFolders();
    const entries = () => this.#entries({ empty, hasRow: () => false });
    if (memory === undefined)
      return { manifest: manifestOf(sumUpEntries(profileDigest, entries()), entries), toRemember: undefined };
    const hasRow = (files: SeenFiles, index: number) => this.#isToRemember(files, index, memory);
    const { manifest: rest } = sumUpEntries(profileDigest, this.#entries({ empty, hasRow, isRest: true }));
    const { known } = memory;
    const isKnown = known?.whole.rest === rest && this.#keepsAll(known) && !this.#hasNew(hasRow);
    const summary = isKnown ? known.whole.summary : sumUpEntries(profileDigest, entries());
    const toRemember = isKnown ? undefined : this.#gather({ memory, hasRow, whole: { summary, rest } });
    return { manifest: manifestOf(summary, entries), toRemember };
  }

  #isToRemember(files: SeenFiles, index: number, { youngest }: ScanMemory): boolean {
    return !isProtectedClass(classOf(files, index)) && isOlder(files.stamps, index, youngest);
  }

  #hasNew(hasRow: HasRow): boolean {
    return this.#folders.values().some(({ seen: { files } }) => {
      return files?.classNumbers.some((_, index) => hasRow(files, index)) === true;
    });
  }

  #keepsAll(known: StatColumns): boolean {
    let rows = 0;
    for (const folder of this.#folders.values()) {
      if (folder.seen.kept !== 'all') return false;
      rows += folder.rows.count;
    }
    return rows === known.classes.length;
  }

  /** Sorted by path: in a folder by name, a slash behind those of folders, and what lies in a folder in its place. */
  *#entries(wanted: WantedEntries): Generator<ManifestEntry> {
    const root = this.#folders.get('');
    const open = root === undefined ? [] : [this.#itemsOf(root, wanted).values()];
    for (let items = open.at(-1); items !== undefined; items = open.at(-1)) {
      const { done, value: item } = items.next();
      if (done === true) open.pop();
      else if ('kind' in item) yield item;
      else open.push(this.#itemsOf(item, wanted).values());
    }
  }

  #itemsOf(folder: HarvestedFolder, { empty, hasRow, isRest }: WantedEntries): (ManifestEntry | HarvestedFolder)[] {
    const { path, seen } = folder;
    if (empty.has(path)) return [{ kind: 'folder', path }];
    const items: (ManifestEntry | HarvestedFolder)[] = [...seen.leftOut];
    for (const name of seen.folders) {
      const inner = this.#folders.get(`${path}${name}/`);
      if (inner !== undefined) items.push(inner);
    }
    if (isRest !== true) items.push(...this.#keptEntries(folder));
    if (seen.files !== undefined) items.push(...newEntries(path, seen.files, hasRow));
    items.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    // Names that are not Unicode can come out as the same text: that is one entry.
    return items.filter((item, index) => !isUnnameable(item) || item.path !== items[index - 1]?.path);
  }

  *#keptEntries({ path, rows, seen: { kept } }: HarvestedFolder): Generator<ManifestEntry> {
    const known = this.#options.memory?.known;
    if (known === undefined || rows.count === 0) return;
    const names = namesOf(known, rows);
    for (const place of kept === 'all' ? placesOf(rows) : kept) {
      const file = { class: known.classes[place] ?? '', path: path + names[place - rows.first] };
      yield fileEntry({ ...file, sha256: digestAt(known, place) }, known.rows.stamps, place);
    }
  }

  /** The deepest ones, where their class travels. What is ignored does not fill a folder. */
  #emptyFolders(): ReadonlySet<string> {
    const classify = classifier(this.#options.profile);
    const filled = new Set<string>();
    const empty = new Set<string>();
    for (const folder of [...this.#folders.values()].reverse()) {
      const { path } = folder;
      if (path === '') continue;
      if (!hasEntries(folder) && !filled.has(path)) {
        // A folder whose own class is ignored was walked as well: a license may lie in it.
        if (!isSyncedClass(classify(path.slice(0, -1)))) continue;
        empty.add(path);
      }
      filled.add(path.slice(0, path.lastIndexOf('/', path.length - 2) + 1));
    }
    return empty;
  }

  #gather({ hasRow, memory, whole }: Gathering): StatColumns {
    const builder = new ColumnsBuilder();
    for (const { path, rows, seen } of this.#folders.values()) {
      const { files, kept } = seen;
      builder.startFolder(path);
      if (memory.known !== undefined && kept === 'all') builder.addAll(memory.known, rows);
      else if (memory.known !== undefined && kept !== 'all') builder.addSome(memory.known, rows, kept);
      if (files === undefined) continue;
      const fresh = [...files.classNumbers.keys()].filter((index) => hasRow(files, index));
      if (fresh.length > 0) builder.addFiles(files, fresh);
    }
    return builder.finish({ rehashedAt: memory.rehashedAt, profile: this.#options.profileDigest, whole });
  }
}

interface HarvestedFolder {
  readonly path: string;
  readonly rows: RowsOfFolder;
  readonly seen: Extract<SeenFolder, { readonly kind: 'seen' }>;
}

/** Whether a file that was not kept is to be remembered from now on. */
type HasRow = (files: SeenFiles, index: number) => boolean;

interface WantedEntries {
  readonly empty: ReadonlySet<string>;
  readonly hasRow: HasRow;
  /** Only what has no row in the memory, neither now nor before. */
  readonly isRest?: boolean;
}

interface Gathering {
  readonly memory: ScanMemory;
  readonly hasRow: HasRow;
  readonly whole: StatColumns['whole'];
}

function manifestOf(summary: Manifest['summary'], make: () => Iterable<ManifestEntry>): Manifest {
  let entries: readonly ManifestEntry[] | undefined;
  return {
    summary,
    get entries() {
      entries ??= [...make()];
      return entries;
    },
  };
}

function* newEntries(folder: string, files: SeenFiles, hasRow: HasRow): Generator<ManifestEntry> {
  const names = files.names.split('\n');
  const digests = bytesOf(files.digests);
  for (let index = 0; index < files.classNumbers.length; index++) {
    if (hasRow(files, index)) continue;
    const sha256 = digests.toString('hex', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES) as Sha256;
    yield fileEntry({ class: classOf(files, index), path: folder + names[index], sha256 }, files.stamps, index);
  }
}

function hasEntries({ rows, seen: { files, kept, leftOut } }: HarvestedFolder): boolean {
  return (kept === 'all' ? rows.count : kept.length) > 0 || leftOut.length > 0 || files !== undefined;
}

function isUnnameable(item: ManifestEntry | HarvestedFolder): boolean {
  return 'kind' in item && item.kind === 'unnameable';
}

function bytesOf({ buffer, byteLength, byteOffset }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function classOf({ classes, classNumbers }: SeenFiles, index: number): ArtifactClass {
  return classes[classNumbers[index] ?? 0] ?? '';
}

function placesOf({ count, first }: RowsOfFolder): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

interface FileToList {
  readonly class: ArtifactClass;
  readonly path: string;
  readonly sha256: Sha256;
}

function fileEntry(
  { class: artifactClass, path, sha256 }: FileToList,
  stamps: BigInt64Array,
  index: number,
): ManifestEntry {
  const { mode, mtime, size } = readStamp(stamps, index);
  return {
    kind: isProtectedClass(artifactClass) ? 'protected' : 'artifact',
    class: artifactClass,
    mode: process.platform === 'win32' ? null : mode,
    mtime,
    // Its rules were looked at when it was listed.
    path: path as RelativePath,
    sha256,
    size,
  };
}

const NO_ROWS: RowsOfFolder = { first: 0, count: 0, names: [0, 0] };
