import { setTimeout as wait } from 'node:timers/promises';
import { StorePermanent, StoreTransient } from '#core/errors.ts';

/** Milliseconds; a section takes microseconds, so that only a stopped process or a dead file server lasts so long. */
const PATIENCE = 30_000;

const SQLITE_BUSY = 5;

interface LockRequest {
  /** The object it is for, to name it in errors. */
  readonly key: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Mutual exclusion between all processes, and all callers in one, that name the same file.
 *
 * The lock is an empty SQLite database in an immediate transaction, which is a lock of the kernel (fcntl, LockFileEx):
 * whoever is killed while holding it has released it, and whoever is merely stopped keeps it. No lease to expire, no
 * process id to mistake, nothing to clean up. On a network folder it is as good as the file server's locks. Nobody may
 * remove the file while the store is in use, nor open it in another way: closing it would release this process's lock.
 */
export class ProcessLock {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The section is synchronous: no await can stretch it, and this process can only stop in it by being stopped. */
  async hold<T>({ key, signal }: LockRequest, section: () => T): Promise<T> {
    const database = await this.#open(key);
    try {
      const deadline = performance.now() + PATIENCE;
      while (!this.#begin(database, key)) {
        if (performance.now() > deadline) {
          throw new StoreTransient(key, `another process has held ${this.#path} for ${PATIENCE / 1000} seconds`);
        }
        await wait(1 + Math.random() * 9);
        signal?.throwIfAborted();
      }
      return section();
    } finally {
      database.close();
    }
  }

  /** Loaded on the first use: who only reads, or keeps nothing on disk, needs no SQLite. */
  async #open(key: string): Promise<Database> {
    const { DatabaseSync } = await import('node:sqlite');
    try {
      return new DatabaseSync(this.#path, { timeout: 0 });
    } catch (error) {
      throw this.#unusable(key, error);
    }
  }

  #begin(database: Database, key: string): boolean {
    try {
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE');
      return true;
    } catch (error) {
      if (error instanceof Error && 'errcode' in error && primaryCode(error.errcode) === SQLITE_BUSY) return false;
      throw this.#unusable(key, error);
    }
  }

  #unusable(key: string, cause: unknown): StorePermanent {
    return new StorePermanent(key, `the lock file ${this.#path} cannot be used; check the folder's permissions`, {
      cause,
    });
  }
}

function primaryCode(code: unknown): number {
  return Number(code) & 0xff;
}

type Database = InstanceType<typeof import('node:sqlite')['DatabaseSync']>;
