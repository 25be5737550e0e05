import { classifier, isProtectedClass, isSyncedClass } from '#core/classify.ts';
import type { Sha256 } from '#core/digest.ts';
import { createManifest, type Manifest, type ManifestEntry } from '#core/manifest.ts';
import type { RelativePath } from '#core/path-rules.ts';
import type { ArtifactClass, Profile } from '#core/profile.ts';
import { type FileStats, isOlder, readStamp, sizeAt, writeStamp } from './file-stats.ts';
import type { RowsOfFolder, SeenFiles } from './look-at-folders.ts';
import { ColumnsBuilder, DIGEST_BYTES, digestAt, type FileColumns, namesOf, type StatColumns } from './stat-columns.ts';
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
  readonly columns: FileColumns;
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

/** Gathers what a walk brings in while it goes on, and sums it up at its end. */
export class Harvest {
  readonly #options: HarvestOptions;
  /** Parents before what is in them. */
  readonly #folders: HarvestedFolder[] = [];
  /** Of files that are to be remembered from now on. */
  readonly #fresh: ManifestEntry[] = [];
  /** Whatever else has no row in the memory. */
  readonly #rest: ManifestEntry[] = [];

  constructor(options: HarvestOptions) {
    this.#options = options;
  }

  add({ path, rows = NO_ROWS, seen }: WalkedFolder): Gathered {
    const { kept, keptBytes, leftOut } = seen;
    const files = seen.files && columnsOf(seen.files);
    const keptCount = kept === 'all' ? rows.count : kept.length;
    const isFilled = keptCount > 0 || leftOut.length > 0 || files !== undefined;
    // Without a memory nobody asks for columns later.
    this.#folders.push({ path, rows, kept, isFilled, files: this.#options.memory && files });
    for (const entry of leftOut) this.#rest.push(entry);
    const unread: UnreadFile[] = [];
    const done = { files: keptCount, bytes: keptBytes };
    if (seen.files === undefined || files === undefined) return { done, unread };
    const names = seen.files.names.split('\n', seen.files.count);
    for (const [index, sha256] of seen.files.digests.split('\n', seen.files.count).entries()) {
      const file = { path: path + names[index], size: sizeAt(files.stamps, index) };
      if (sha256 === '') {
        unread.push({ ...file, columns: files, index });
        continue;
      }
      done.files++;
      done.bytes += file.size;
      this.#addDigest(files, index, { path: file.path, sha256: sha256 as Sha256 });
    }
    return { done, unread };
  }

  addRead({ columns, index, path }: UnreadFile, read: { readonly sha256: Sha256; readonly stats: FileStats }): void {
    writeStamp(columns.stamps, index, read.stats);
    this.#addDigest(columns, index, { path, sha256: read.sha256 });
  }

  /** Where every remembered row was found again and the rest is the same, so is the sum. */
  sumUp(): Stock {
    const { memory, profileDigest } = this.#options;
    const known = memory?.known;
    const rest = createManifest(profileDigest, [...this.#rest, ...this.#emptyFolders()]);
    const whole = known?.whole;
    if (
      known !== undefined &&
      whole?.rest === rest.summary.manifest &&
      this.#fresh.length === 0 &&
      this.#keepsAll(known)
    )
      return { manifest: this.#rememberedManifest(known, rest), toRemember: undefined };
    const kept = known === undefined ? [] : this.#keptEntries(known);
    const manifest = createManifest(profileDigest, [...rest.entries, ...this.#fresh, ...kept]);
    const toRemember = memory && this.#gather(memory, { summary: manifest.summary, rest: rest.summary.manifest });
    return { manifest, toRemember };
  }

  #addDigest(files: FileColumns, index: number, { path, sha256 }: Pick<FileToList, 'path' | 'sha256'>): void {
    files.digests.write(sha256, index * DIGEST_BYTES, 'hex');
    const entry = fileEntry({ class: classOf(files, index), path, sha256 }, files.stamps, index);
    (this.#isToRemember(files, index) ? this.#fresh : this.#rest).push(entry);
  }

  #isToRemember(files: FileColumns, index: number): boolean {
    const { memory } = this.#options;
    if (memory === undefined || isProtectedClass(classOf(files, index))) return false;
    return isOlder(files.stamps, index, memory.youngest);
  }

  #keepsAll(known: StatColumns): boolean {
    let rows = 0;
    for (const folder of this.#folders) {
      if (folder.kept !== 'all') return false;
      rows += folder.rows.count;
    }
    return rows === known.classes.length;
  }

  /** Its entries are made when somebody asks for them. */
  #rememberedManifest(known: StatColumns, rest: Manifest): Manifest {
    let entries: readonly ManifestEntry[] | undefined;
    const makeEntries = () => [...rest.entries, ...this.#keptEntries(known)].sort((a, b) => (a.path < b.path ? -1 : 1));
    return {
      summary: known.whole.summary,
      get entries() {
        entries ??= makeEntries();
        return entries;
      },
    };
  }

  *#keptEntries(known: StatColumns): Generator<ManifestEntry> {
    for (const { kept, path, rows } of this.#folders) {
      const names = namesOf(known, rows);
      for (const place of kept === 'all' ? placesOf(rows) : kept) {
        const file = { class: known.classes[place] ?? '', path: path + names[place - rows.first] };
        yield fileEntry({ ...file, sha256: digestAt(known, place) }, known.rows.stamps, place);
      }
    }
  }

  /** The deepest ones, where their class travels. What is ignored does not fill a folder. */
  #emptyFolders(): ManifestEntry[] {
    const classify = classifier(this.#options.profile);
    const filled = new Set<string>();
    const empty: ManifestEntry[] = [];
    for (const { isFilled, path } of this.#folders.toReversed()) {
      if (path === '') continue;
      if (!isFilled && !filled.has(path)) {
        // A folder whose own class is ignored was walked as well: a license may lie in it.
        if (!isSyncedClass(classify(path.slice(0, -1)))) continue;
        empty.push({ kind: 'folder', path });
      }
      filled.add(path.slice(0, path.lastIndexOf('/', path.length - 2) + 1));
    }
    return empty;
  }

  #gather(memory: ScanMemory, whole: StatColumns['whole']): StatColumns {
    const builder = new ColumnsBuilder();
    for (const folder of this.#folders) {
      const { files, kept, path, rows } = folder;
      folder.files = undefined;
      builder.startFolder(path);
      if (memory.known !== undefined && kept === 'all') builder.addAll(memory.known, rows);
      else if (memory.known !== undefined && kept !== 'all') builder.addSome(memory.known, rows, kept);
      const fresh = [...(files?.classNumbers.keys() ?? [])].filter(
        (index) => files && this.#isToRemember(files, index),
      );
      if (files !== undefined && fresh.length > 0) builder.addFiles(files, fresh);
    }
    return builder.finish({ rehashedAt: memory.rehashedAt, profile: this.#options.profileDigest, whole });
  }
}

interface HarvestedFolder {
  readonly path: string;
  readonly rows: RowsOfFolder;
  readonly kept: 'all' | readonly number[];
  readonly isFilled: boolean;
  /** Until they are gathered. */
  files: FileColumns | undefined;
}

/** Without the digests, which come one by one. */
function columnsOf({ classes, classNumbers, count, names, stamps }: SeenFiles): FileColumns {
  return { names, classes, classNumbers, stamps, digests: Buffer.alloc(count * DIGEST_BYTES) };
}

function classOf({ classes, classNumbers }: FileColumns, index: number): ArtifactClass {
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
