import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { freeBytes } from '#core/free-bytes.ts';
import type { AgentLog } from './agent.ts';
import type { FolderToSee } from './look-at-folders.ts';
import { decodeStatColumns, encodeStatColumns, namesOf, type StatColumns } from './stat-columns.ts';

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

/** One scan's dealings with what is remembered. */
export interface ScanMemory {
  /** What this scan may trust. */
  readonly known: StatColumns | undefined;
  readonly rehashedAt: number;
  /** Nanoseconds since 1970: a file that has changed since is not to be remembered. */
  readonly youngest: bigint;
  /** The folder, with what may be trusted of it. */
  folder(path: string): FolderToSee;
  /** The scan is complete: this is all that is remembered from now on. */
  keep(columns: StatColumns): Promise<void>;
}

/**
 * Remembers what every file hashed to and how its stat looked, so that only what changed is read again. A change that
 * leaves size, both times, inode, device and mode alone goes unnoticed until the next full scan; callers that must not
 * rely on that ask for `mistrusting`.
 */
export class StatIndex {
  readonly #options: StatIndexOptions;
  readonly #isMistrusted: ((path: string) => boolean) | undefined;
  readonly #last: Last;

  constructor(options: StatIndexOptions, isMistrusted?: (path: string) => boolean, last: Last = {}) {
    this.#options = options;
    this.#isMistrusted = isMistrusted;
    this.#last = last;
  }

  /** The same memory, but these files are read in any case. */
  mistrusting(isMistrusted: (path: string) => boolean): StatIndex {
    const before = this.#isMistrusted;
    return new StatIndex(this.#options, (path) => isMistrusted(path) || before?.(path) === true, this.#last);
  }

  async beginScan(profile: Sha256): Promise<ScanMemory> {
    const { fullRehashMilliseconds = FULL_EVERY_HOURS * 3600 * 1000, now } = this.#options;
    const began = now().getTime();
    const found = await this.#load(profile);
    const age = found === undefined ? Number.POSITIVE_INFINITY : began - found.rehashedAt;
    // A clock that was set back says nothing about the age.
    const known = age < 0 || age >= fullRehashMilliseconds ? undefined : found;
    return {
      known,
      rehashedAt: known?.rehashedAt ?? began,
      youngest: BigInt(began) * 1_000_000n - RACY_NANOSECONDS,
      folder: (path) => this.#folder(path, known),
      keep: (columns) => this.#save(columns),
    };
  }

  #folder(path: string, known: StatColumns | undefined): FolderToSee {
    const rows = known?.folders.get(path);
    const isMistrusted = this.#isMistrusted;
    if (known === undefined || rows === undefined || isMistrusted === undefined) return { path, rows };
    return { path, rows, mistrusted: namesOf(known, rows).filter((name) => isMistrusted(path + name)) };
  }

  async #load(profile: Sha256): Promise<StatColumns | undefined> {
    const { log, root } = this.#options;
    const path = this.#path();
    try {
      const columns = await this.#read(path, root);
      if (columns.profile !== profile) throw new InvalidDocument(path, 'it was made with another profile');
      return columns;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      if (!(error instanceof InvalidDocument) && !hasCode(error, 'EACCES', 'EPERM', 'EIO', 'EISDIR')) throw error;
      log('stat-index-ignored', { problem: (error as Error).message });
      return undefined;
    }
  }

  async #read(path: string, root: string): Promise<StatColumns> {
    const { ctimeNs, ino, mtimeNs, size } = await stat(path, { bigint: true });
    const stamp = [ino, size, mtimeNs, ctimeNs].join();
    const last = stamp === this.#last.stamp ? this.#last.columns?.deref() : undefined;
    if (last !== undefined) return last;
    const bytes = await readFile(path);
    const columns = decodeStatColumns(path, bytes, root);
    freeBytes(bytes);
    this.#last.stamp = stamp;
    this.#last.columns = new WeakRef(columns);
    return columns;
  }

  /** A memory that cannot be written costs time, not the scan. */
  async #save(columns: StatColumns): Promise<void> {
    try {
      const bytes = encodeStatColumns(columns, this.#options.root);
      await writeFileDurably(this.#path(), bytes, { mode: 0o600 });
      freeBytes(bytes);
    } catch (error) {
      if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT')) throw error;
      this.#options.log('stat-index-not-saved', { problem: (error as Error).message });
    }
  }

  #path(): string {
    return join(this.#options.stateFolder, INDEX_FILE);
  }
}

/** What was read last, while something else keeps it or nothing has collected it: then there are not two of it. */
interface Last {
  stamp?: string;
  columns?: WeakRef<StatColumns>;
}

const INDEX_FILE = 'stat-index';
