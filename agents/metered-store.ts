import type { ObjectStore } from '#core/ports/object-store.ts';

/** What goes over one store in one direction. Seconds are those in which at least one call is under way. */
export class TransferMeter {
  #bytes = 0;
  #milliseconds = 0;
  #underWay = 0;
  #since = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get seconds(): number {
    const running = this.#underWay > 0 ? performance.now() - this.#since : 0;
    return Math.round(this.#milliseconds + running) / 1000;
  }

  async measure<T>(bytesOf: (answer: T) => number, call: () => Promise<T>): Promise<T> {
    if (this.#underWay++ === 0) this.#since = performance.now();
    try {
      const answer = await call();
      this.#bytes += bytesOf(answer);
      return answer;
    } finally {
      if (--this.#underWay === 0) this.#milliseconds += performance.now() - this.#since;
    }
  }
}

/** Of one order. */
export interface TransferMeters {
  /** Bodies of what is read. */
  readonly down: TransferMeter;
  /** Bodies of what is written. */
  readonly up: TransferMeter;
}

/** As a receipt says it. */
export function fetched({ down }: TransferMeters): { readonly bytesFetched: number; readonly secondsFetching: number } {
  return { bytesFetched: down.bytes, secondsFetching: down.seconds };
}

export function meteredStore(store: ObjectStore, { down, up }: TransferMeters): ObjectStore {
  return {
    url: store.url,
    get: (key, options) =>
      down.measure(
        (found) => found?.body.length ?? 0,
        () => store.get(key, options),
      ),
    getIfChanged: (key, etag, options) =>
      down.measure(
        (found) => (typeof found === 'object' ? found.body.length : 0),
        () => store.getIfChanged(key, etag, options),
      ),
    getRange: (key, range, options) =>
      down.measure(
        (found) => found?.length ?? 0,
        () => store.getRange(key, range, options),
      ),
    head: (key, options) => store.head(key, options),
    put: (key, body, options) =>
      up.measure(
        () => body.length,
        () => store.put(key, body, options),
      ),
    create: (key, body, options) =>
      up.measure(
        () => body.length,
        () => store.create(key, body, options),
      ),
    replace: (key, body, etag, options) =>
      up.measure(
        () => body.length,
        () => store.replace(key, body, etag, options),
      ),
    list: (prefix, options) => store.list(prefix, options),
    delete: (key, options) => store.delete(key, options),
  };
}
