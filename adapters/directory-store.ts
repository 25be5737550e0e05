import { randomUUID } from 'node:crypto';
import { renameSync, unlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StorePrecondition, StoreTransient } from '#core/errors.ts';
import type {
  ByteRange,
  CallOptions,
  ListFoldersOptions,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from '#core/ports/object-store.ts';
import { DirectoryFolders } from './directory-folders.ts';
import { DirectoryLayout } from './directory-layout.ts';
import { foldersIn, keysBelow } from './directory-list.ts';
import { linkOnce, makeFolderDurably, syncFolder, withStagedFile } from './durable-file.ts';
import { retryWhileInUse, toStoreError } from './file-errors.ts';
import {
  type FileVersion,
  makeLaterThan,
  readBytes,
  stampNow,
  statObject,
  statObjectSync,
  withObjectFile,
} from './object-file.ts';
import { assertByteRange, assertObjectKey, assertReadableWhole, sortFolders } from './object-key.ts';
import { ProcessLock } from './process-lock.ts';

/** Objects whose facts are asked for at once while listing. */
const LIST_BATCH = 64;

/**
 * A folder as an object store, for any number of processes. Readers take no lock: a version appears complete, by link
 * or rename, and is never changed (object-file.ts). `create` takes none either: link(2) lets one caller win. The other
 * writers hold the store's lock from looking at the current version to replacing it, which is a few system calls.
 * Bytes are on disk before their name appears, and the name before the promise resolves. No key may be the folder of
 * another (`a` and `a/b`): the second is refused.
 */
export class DirectoryStore implements ObjectStore {
  readonly url: string;
  readonly #layout: DirectoryLayout;
  readonly #folders: DirectoryFolders;
  readonly #lock: ProcessLock;

  /** The folder has to exist when something is written; see `open`. */
  constructor(folder: string) {
    this.url = pathToFileURL(folder).href;
    this.#layout = new DirectoryLayout(resolve(folder));
    this.#folders = new DirectoryFolders(this.#layout);
    this.#lock = new ProcessLock(this.#layout.lock);
  }

  /** Makes the folder where it does not exist. */
  static async open(folder: string): Promise<DirectoryStore> {
    try {
      await makeFolderDurably(folder);
    } catch (error) {
      throw toStoreError(folder, error);
    }
    return new DirectoryStore(folder);
  }

  async get(key: string, options?: CallOptions): Promise<StoredObject | undefined> {
    return this.#call(key, options, (path) =>
      withObjectFile(path, async (file, { etag, size }) => {
        assertReadableWhole(key, size);
        const body = await readBytes(file, 0, size);
        if (body.byteLength < size) throw new StoreTransient(key, `it was cut to ${body.byteLength} bytes while read`);
        return { body, etag };
      }),
    );
  }

  async getIfChanged(
    key: string,
    etag: string,
    options?: CallOptions,
  ): Promise<StoredObject | 'not-modified' | undefined> {
    const current = await this.head(key, options);
    return current?.etag === etag ? 'not-modified' : this.get(key, options);
  }

  async getRange(key: string, range: ByteRange, options?: CallOptions): Promise<Uint8Array | undefined> {
    assertByteRange(key, range);
    return this.#call(key, options, (path) =>
      withObjectFile(path, (file, { size }) =>
        readBytes(file, range.offset, Math.max(0, Math.min(range.length, size - range.offset))),
      ),
    );
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#call(key, options, async (path) => {
      const version = await statObject(path);
      return version && infoOf(key, version);
    });
  }

  async put(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#call(key, options, (path) => this.#swap({ key, path, body, ...options }, () => {}));
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#call(key, options, async (path) => {
      if ((await statObject(path)) !== undefined) return this.#refuseSecond(key, path);
      return this.#staged({ key, path, body, ...options }, async (staged) => {
        const version = await statObject(staged);
        if (version === undefined) throw new StoreTransient(key, `its staged file ${staged} was removed`);
        if (!(await linkOnce(staged, path))) return this.#refuseSecond(key, path);
        await syncFolder(dirname(path));
        return version;
      });
    });
  }

  async replace(
    key: string,
    body: Uint8Array,
    etag: string,
    options?: CallOptions,
  ): Promise<{ readonly etag: string }> {
    const assertUnchanged = (current: FileVersion | undefined) => {
      if (current?.etag !== etag) throw new StorePrecondition(key, 'it has changed or is gone');
    };
    return this.#call(key, options, async (path) => {
      assertUnchanged(await statObject(path));
      return this.#swap({ key, path, body, ...options }, assertUnchanged);
    });
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    options?.signal?.throwIfAborted();
    try {
      let batch: string[] = [];
      for await (const key of keysBelow(this.#layout, prefix)) {
        batch.push(key);
        if (batch.length < LIST_BATCH) continue;
        yield* await this.#infos(batch, options);
        batch = [];
      }
      yield* await this.#infos(batch, options);
    } catch (error) {
      throw this.#sorted(prefix, error, options);
    }
  }

  async *listFolders(prefix: string, options?: ListFoldersOptions): AsyncGenerator<string> {
    options?.signal?.throwIfAborted();
    try {
      for (const name of sortFolders(await foldersIn(this.#layout, prefix), options?.from)) {
        options?.signal?.throwIfAborted();
        yield name;
      }
    } catch (error) {
      throw this.#sorted(prefix, error, options);
    }
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    return this.#call(key, options, async (path) => {
      if ((await statObject(path)) === undefined) return;
      await this.#folders.ready(key, dirname(path));
      await this.#locked({ key, ...options }, () => {
        if (statObjectSync(path) !== undefined) unlinkSync(path);
      });
      await syncFolder(dirname(path));
    });
  }

  async #swap(
    write: Write,
    assertHolds: (current: FileVersion | undefined) => void,
  ): Promise<{ readonly etag: string }> {
    return this.#staged(write, async (staged) => {
      const version = await this.#locked(write, () => {
        const current = statObjectSync(write.path);
        assertHolds(current);
        const next = makeLaterThan(current, staged);
        renameSync(staged, write.path);
        return next;
      });
      await syncFolder(dirname(write.path));
      return version;
    });
  }

  async #staged(
    { key, path, body, signal }: Write,
    use: (staged: string) => Promise<FileVersion>,
  ): Promise<{ readonly etag: string }> {
    await this.#folders.ready(key, dirname(path));
    const staged = { path: join(this.#layout.temporary, randomUUID()), bytes: body, finish: stampNow };
    const { etag } = await withStagedFile(staged, (file) => {
      signal?.throwIfAborted();
      return use(file);
    });
    return { etag };
  }

  #locked<T>(call: { readonly key: string } & CallOptions, section: () => T): Promise<T> {
    return retryWhileInUse(() => this.#lock.hold(call, section));
  }

  /** The loser may rely on the winner's object, so its name is made durable before the loser hears of it. */
  async #refuseSecond(key: string, path: string): Promise<never> {
    await syncFolder(dirname(path));
    throw new StorePrecondition(key, 'it exists already');
  }

  async #infos(keys: readonly string[], options: CallOptions | undefined): Promise<ObjectInfo[]> {
    const infos = await Promise.all(keys.map((key) => this.head(key, options)));
    return infos.filter((info) => info !== undefined);
  }

  async #call<T>(key: string, options: CallOptions | undefined, action: (path: string) => Promise<T>): Promise<T> {
    options?.signal?.throwIfAborted();
    assertObjectKey(key);
    try {
      return await action(this.#layout.pathOf(key));
    } catch (error) {
      throw this.#sorted(key, error, options);
    }
  }

  #sorted(key: string, error: unknown, options: CallOptions | undefined): unknown {
    if (options?.signal?.aborted && error === options.signal.reason) return error;
    const sorted = toStoreError(key, error);
    if (sorted !== error) this.#folders.forget();
    return sorted;
  }
}

interface Write extends CallOptions {
  readonly key: string;
  readonly path: string;
  readonly body: Uint8Array;
}

function infoOf(key: string, { size, etag, modified }: FileVersion): ObjectInfo {
  return { key, size, etag, modified };
}
