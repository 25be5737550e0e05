import type { ByteRange, CallOptions, ObjectInfo, ObjectStore, StoredObject } from '#core/ports/object-store.ts';
import { type Method, requestBytes, responseBytes } from './http-bytes.ts';
import type { TrafficMeter } from './traffic-meter.ts';

/** Counts at the store's edge what each call would move over the wire, also one that fails. */
export class CountingStore implements ObjectStore {
  readonly url: string;
  readonly #store: ObjectStore;
  readonly #meter: TrafficMeter;

  constructor(store: ObjectStore, meter: TrafficMeter) {
    this.url = store.url;
    this.#store = store;
    this.#meter = meter;
  }

  async get(key: string, options?: CallOptions): Promise<StoredObject | undefined> {
    return this.#count('get', { key }, () => this.#store.get(key, options));
  }

  async getIfChanged(
    key: string,
    etag: string,
    options?: CallOptions,
  ): Promise<StoredObject | 'not-modified' | undefined> {
    return this.#count('getIfChanged', { key }, () => this.#store.getIfChanged(key, etag, options));
  }

  async getRange(key: string, range: ByteRange, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#count('getRange', { key }, () => this.#store.getRange(key, range, options));
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#count('head', { key }, () => this.#store.head(key, options));
  }

  async put(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#count('put', { key, body }, () => this.#store.put(key, body, options));
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#count('create', { key, body }, () => this.#store.create(key, body, options));
  }

  async replace(
    key: string,
    body: Uint8Array,
    etag: string,
    options?: CallOptions,
  ): Promise<{ readonly etag: string }> {
    return this.#count('replace', { key, body }, () => this.#store.replace(key, body, etag, options));
  }

  /** One request for each page of a thousand objects, as S3 answers. */
  async *list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo> {
    let listed = 0;
    for await (const info of this.#store.list(prefix, options)) {
      listed += 1;
      yield info;
    }
    for (let left = listed, page = 0; left > 0 || page === 0; left -= PAGE, page++) {
      const body = Math.min(Math.max(left, 0), PAGE) * LISTED_BYTES;
      this.#meter.add({ method: 'list', key: prefix, bodyUp: 0, bodyDown: body, foundNothingNew: false });
    }
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    return this.#count('delete', { key }, () => this.#store.delete(key, options));
  }

  async #count<T>(method: Method, request: CountedRequest, call: () => Promise<T>): Promise<T> {
    let answer: T | undefined;
    try {
      answer = await call();
      return answer;
    } finally {
      this.#meter.add({
        method,
        key: request.key,
        bodyUp: requestBytes(request.body),
        bodyDown: responseBytes(answer),
        foundNothingNew: answer === undefined || answer === 'not-modified',
      });
    }
  }
}

interface CountedRequest {
  readonly key: string;
  readonly body?: Uint8Array;
}

const PAGE = 1000;
/** What S3's XML says about one object, about. */
const LISTED_BYTES = 300;
