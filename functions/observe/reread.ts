import type { ObjectStore } from '#core/ports/object-store.ts';

/** An object that is asked for again and again: only when it has changed does it travel, and is it parsed. */
export class Reread<T> {
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #parse: (body: Uint8Array) => T | Promise<T>;
  #known: { readonly etag: string; readonly value: T } | undefined;

  constructor(store: ObjectStore, key: string, parse: (body: Uint8Array) => T | Promise<T>) {
    this.#store = store;
    this.#key = key;
    this.#parse = parse;
  }

  /** `undefined` where there is none. What `parse` throws is thrown again each time. */
  async read(): Promise<T | undefined> {
    const known = this.#known;
    const stored = await (known === undefined
      ? this.#store.get(this.#key)
      : this.#store.getIfChanged(this.#key, known.etag));
    if (stored === 'not-modified') return known?.value;
    this.#known = stored && { etag: stored.etag, value: await this.#parse(stored.body) };
    return this.#known?.value;
  }
}
