import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import type { AgentLog } from './agent.ts';
import { type FileStats, isStamp, STAMP_FIELDS, writeStamp } from './file-stats.ts';
import { decodeStatColumns, encodeStatColumns, type StatColumns } from './stat-columns.ts';

/** Hours between two scans that read every file again, whatever its stat says. */
const FULL_EVERY_HOURS = 24;

/** A file changed in the same instant as it was hashed can keep its stat: one as young as this is hashed again. */
const RACY_NANOSECONDS = 2_000_000_000n;

export interface StatIndexOptions {
  /** Where it is kept. */
  readonly stateFolder: string;
  /** Absolute and real. */
  readonly root: string;
  /** Of the clock that stamps the files. */
  readonly now: () => Date;
  readonly log: AgentLog;
  /** Between two scans that trust nothing remembered; 24 hours. 0 trusts nothing ever. */
  readonly fullRehashMilliseconds?: number | undefined;
}

export interface FileToFind {
  readonly path: string;
  readonly stats: FileStats;
}

/** One scan's dealings with what is remembered. */
export interface ScanMemory {
  /** The file's digest, when it was hashed with this very stat. */
  find(file: FileToFind): Sha256 | undefined;
  add(file: FileToFind, sha256: Sha256): void;
  /** The scan is complete: what it added is all that is remembered from now on. */
  keep(): Promise<void>;
}

/**
 * Remembers what every file hashed to and how its stat looked, so that only what changed is read again. A change that
 * leaves size, both times, inode and device alone goes unnoticed until the next full scan; callers that must not rely
 * on that ask for `mistrusting`.
 */
export class StatIndex {
  readonly #options: StatIndexOptions;
  readonly #isMistrusted: (path: string) => boolean;

  constructor(options: StatIndexOptions, isMistrusted: (path: string) => boolean = () => false) {
    this.#options = options;
    this.#isMistrusted = isMistrusted;
  }

  /** The same memory, but these files are read in any case. */
  mistrusting(isMistrusted: (path: string) => boolean): StatIndex {
    return new StatIndex(this.#options, (path) => isMistrusted(path) || this.#isMistrusted(path));
  }

  async beginScan(): Promise<ScanMemory> {
    const { fullRehashMilliseconds = FULL_EVERY_HOURS * 3600 * 1000, now } = this.#options;
    const began = now().getTime();
    const known = await this.#load();
    const age = known === undefined ? Number.POSITIVE_INFINITY : began - known.rehashedAt;
    // A clock that was set back says nothing about the age.
    const isFull = known === undefined || age < 0 || age >= fullRehashMilliseconds;
    return new IndexedScan({
      known: isFull ? NOTHING : known,
      isMistrusted: this.#isMistrusted,
      began,
      rehashedAt: isFull ? began : known.rehashedAt,
      save: (columns) => this.#save(columns),
    });
  }

  async #load(): Promise<StatColumns | undefined> {
    const { log, root } = this.#options;
    const path = this.#path();
    try {
      return decodeStatColumns(path, await readFile(path), root);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      if (!(error instanceof InvalidDocument) && !hasCode(error, 'EACCES', 'EPERM', 'EIO', 'EISDIR')) throw error;
      log('stat-index-ignored', { problem: (error as Error).message });
      return undefined;
    }
  }

  /** A memory that cannot be written costs time, not the scan. */
  async #save(columns: StatColumns): Promise<void> {
    try {
      await writeFileDurably(this.#path(), encodeStatColumns(columns, this.#options.root), { mode: 0o600 });
    } catch (error) {
      if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT')) throw error;
      this.#options.log('stat-index-not-saved', { problem: (error as Error).message });
    }
  }

  #path(): string {
    return join(this.#options.stateFolder, INDEX_FILE);
  }
}

interface ScanOptions {
  readonly known: StatColumns;
  readonly isMistrusted: (path: string) => boolean;
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly rehashedAt: number;
  readonly save: (columns: StatColumns) => Promise<void>;
}

class IndexedScan implements ScanMemory {
  readonly #options: ScanOptions;
  readonly #places: Map<string, number>;
  readonly #added: { readonly file: FileToFind; readonly sha256: Sha256 }[] = [];
  readonly #youngest: bigint;
  #found = 0;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#places = new Map(options.known.paths.map((path, index) => [path, index]));
    this.#youngest = BigInt(options.began) * 1_000_000n - RACY_NANOSECONDS;
  }

  find({ path, stats }: FileToFind): Sha256 | undefined {
    const { isMistrusted, known } = this.#options;
    const place = this.#places.get(path);
    if (place === undefined || !isStamp(known.stamps, place, stats) || isMistrusted(path)) return undefined;
    this.#found++;
    return known.digests[place];
  }

  add(file: FileToFind, sha256: Sha256): void {
    const { ctimeNs, mtimeNs } = file.stats;
    if (mtimeNs < this.#youngest && ctimeNs < this.#youngest) this.#added.push({ file, sha256 });
  }

  async keep(): Promise<void> {
    const { known, rehashedAt, save } = this.#options;
    const isSame = this.#found === known.paths.length && this.#added.length === this.#found;
    if (isSame && rehashedAt === known.rehashedAt) return;
    const stamps = new BigInt64Array(this.#added.length * STAMP_FIELDS);
    for (const [index, { file }] of this.#added.entries()) writeStamp(stamps, index, file.stats);
    await save({
      rehashedAt,
      paths: this.#added.map(({ file }) => file.path),
      stamps,
      digests: this.#added.map(({ sha256 }) => sha256),
    });
  }
}

const NOTHING: StatColumns = { rehashedAt: Number.NaN, paths: [], stamps: new BigInt64Array(0), digests: [] };
const INDEX_FILE = 'stat-index';
