import type { ByteRange, CallOptions, ObjectInfo, ObjectStore, StoredObject } from '#core/ports/object-store.ts';
import { HEADER_BYTES, headersUp, type Method, requestBytes, responseBytes } from './http-bytes.ts';
import type { Line } from './lane.ts';

/** A store at the far end of a line: every call takes a round trip, and its bytes the time that they need. */
export class ShapedStore implements ObjectStore {
  readonly url: string;
  readonly #store: ObjectStore;
  readonly #line: Line;

  constructor(store: ObjectStore, line: Line) {
    this.url = store.url;
    this.#store = store;
    this.#line = line;
  }

  async get(key: string, options?: CallOptions): Promise<StoredObject | undefined> {
    return this.#carry({ method: 'get', options }, () => this.#store.get(key, options));
  }

  async getIfChanged(
    key: string,
    etag: string,
    options?: CallOptions,
  ): Promise<StoredObject | 'not-modified' | undefined> {
    return this.#carry({ method: 'getIfChanged', options }, () => this.#store.getIfChanged(key, etag, options));
  }

  async getRange(key: string, range: ByteRange, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#carry({ method: 'getRange', options }, () => this.#store.getRange(key, range, options));
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#carry({ method: 'head', options }, () => this.#store.head(key, options));
  }

  async put(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#carry({ method: 'put', body, options }, () => this.#store.put(key, body, options));
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#carry({ method: 'create', body, options }, () => this.#store.create(key, body, options));
  }

  async replace(
    key: string,
    body: Uint8Array,
    etag: string,
    options?: CallOptions,
  ): Promise<{ readonly etag: string }> {
    return this.#carry({ method: 'replace', body, options }, () => this.#store.replace(key, body, etag, options));
  }

  async *list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo> {
    await this.#carry({ method: 'list', options }, async () => undefined);
    yield* this.#store.list(prefix, options);
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    return this.#carry({ method: 'delete', options }, () => this.#store.delete(key, options));
  }

  async #carry<T>({ body, method, options }: Carried, call: () => Promise<T>): Promise<T> {
    const signal = options?.signal;
    let answer: T | undefined;
    await this.#line.up.pass(headersUp(method) + requestBytes(body), signal);
    try {
      answer = await call();
      return answer;
    } finally {
      await this.#line.down.pass(HEADER_BYTES.answer + responseBytes(answer), signal);
    }
  }
}

interface Carried {
  readonly method: Method;
  readonly body?: Uint8Array;
  readonly options: CallOptions | undefined;
}
