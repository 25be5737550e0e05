import type { ByteRange, CallOptions, ObjectInfo, ObjectStore, StoredObject } from '#core/ports/object-store.ts';

/** At which call a process is killed, from one: before it is made, or when a write has its effect but not its answer. */
export type Death = { readonly beforeCall: number } | { readonly afterWrite: number };

/** The store as a process sees it that is killed at one of its calls: that call, and all later ones, never return. */
export class MortalStore implements ObjectStore {
  readonly url: string;
  readonly died: Promise<void>;
  readonly #store: ObjectStore;
  readonly #death: Death;
  readonly #die: () => void;
  #calls = 0;
  #writes = 0;

  constructor(store: ObjectStore, death: Death) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.url = store.url;
    this.died = promise;
    this.#die = resolve;
    this.#store = store;
    this.#death = death;
  }

  get(key: string, options?: CallOptions): Promise<StoredObject | undefined> {
    return this.#call(() => this.#store.get(key, options));
  }

  getIfChanged(key: string, etag: string, options?: CallOptions): Promise<StoredObject | 'not-modified' | undefined> {
    return this.#call(() => this.#store.getIfChanged(key, etag, options));
  }

  getRange(key: string, range: ByteRange, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#call(() => this.#store.getRange(key, range, options));
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#call(() => this.#store.head(key, options));
  }

  put(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#write(() => this.#store.put(key, body, options));
  }

  create(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#write(() => this.#store.create(key, body, options));
  }

  replace(key: string, body: Uint8Array, etag: string, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#write(() => this.#store.replace(key, body, etag, options));
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    yield* await this.#call(async () => this.#store.list(prefix, options));
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#write(() => this.#store.delete(key, options));
  }

  async #call<T>(action: () => Promise<T>): Promise<T> {
    this.#calls++;
    if ('beforeCall' in this.#death && this.#calls >= this.#death.beforeCall) return this.#dead();
    if ('afterWrite' in this.#death && this.#writes >= this.#death.afterWrite) return this.#dead();
    return action();
  }

  #write<T>(action: () => Promise<T>): Promise<T> {
    return this.#call(async () => {
      this.#writes++;
      if (!('afterWrite' in this.#death) || this.#writes < this.#death.afterWrite) return action();
      await action().catch(() => undefined);
      return this.#dead();
    });
  }

  #dead<T>(): Promise<T> {
    this.#die();
    return new Promise(() => undefined);
  }
}
