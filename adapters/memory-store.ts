import { StorePrecondition } from '#core/errors.ts';
import type {
  ByteRange,
  CallOptions,
  ListFoldersOptions,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from '#core/ports/object-store.ts';
import { assertByteRange, assertObjectKey, sortFolders } from './object-key.ts';

interface Entry {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly modified: Date;
}

/** Lives and dies with its process; hands out copies only. */
export class MemoryStore implements ObjectStore {
  readonly url = 'memory:';
  readonly #entries = new Map<string, Entry>();
  #writes = 0;

  async get(key: string, options?: CallOptions): Promise<StoredObject | undefined> {
    const entry = this.#entry(key, options);
    return entry && { body: entry.body.slice(), etag: entry.etag };
  }

  async getIfChanged(
    key: string,
    etag: string,
    options?: CallOptions,
  ): Promise<StoredObject | 'not-modified' | undefined> {
    return this.#entry(key, options)?.etag === etag ? 'not-modified' : this.get(key, options);
  }

  async getRange(key: string, range: ByteRange, options?: CallOptions): Promise<Uint8Array | undefined> {
    assertByteRange(key, range);
    return this.#entry(key, options)?.body.slice(range.offset, range.offset + range.length);
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    const entry = this.#entry(key, options);
    return entry && infoOf(key, entry);
  }

  async put(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    this.#entry(key, options);
    this.#writes += 1;
    const entry = { body: new Uint8Array(body), etag: `"${this.#writes}"`, modified: new Date() };
    this.#entries.set(key, entry);
    return { etag: entry.etag };
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    if (this.#entry(key, options) !== undefined) throw new StorePrecondition(key, 'it exists already');
    return this.put(key, body, options);
  }

  async replace(
    key: string,
    body: Uint8Array,
    etag: string,
    options?: CallOptions,
  ): Promise<{ readonly etag: string }> {
    if (this.#entry(key, options)?.etag !== etag) throw new StorePrecondition(key, 'it has changed or is gone');
    return this.put(key, body, options);
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    for (const key of [...this.#entries.keys()].filter((candidate) => candidate.startsWith(prefix)).sort()) {
      options?.signal?.throwIfAborted();
      const entry = this.#entries.get(key);
      if (entry !== undefined) yield infoOf(key, entry);
    }
  }

  async *listFolders(prefix: string, options?: ListFoldersOptions): AsyncGenerator<string> {
    options?.signal?.throwIfAborted();
    const names = new Set<string>();
    for (const key of this.#entries.keys()) {
      const end = key.indexOf('/', prefix.length);
      if (end > 0 && key.startsWith(prefix)) names.add(key.slice(prefix.length, end));
    }
    yield* sortFolders(names, options?.from);
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    this.#entry(key, options);
    this.#entries.delete(key);
  }

  #entry(key: string, options: CallOptions | undefined): Entry | undefined {
    options?.signal?.throwIfAborted();
    assertObjectKey(key);
    return this.#entries.get(key);
  }
}

function infoOf(key: string, { body, etag, modified }: Entry): ObjectInfo {
  return { key, size: body.byteLength, etag, modified };
}
