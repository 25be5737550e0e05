import type { ObjectStore } from '#core/ports/object-store.ts';

export interface DocumentToRead<T> {
  readonly key: string;
  /** Throws for what is not to be kept either. */
  readonly parse: (body: Uint8Array) => T;
  /** What `parse` depends on besides the body. */
  readonly by?: string;
}

/**
 * Documents that are written once and read at every step of a sync: to parse the plan of ten thousand servers takes much
 * longer than to order one of them what to do. The store is asked every time whether it still holds what was read.
 */
export class KeptDocuments<T> {
  readonly #kept = new WeakMap<ObjectStore, KeptOfStore<T>>();

  /** `undefined` where there is none. */
  async read(store: ObjectStore, document: DocumentToRead<T>): Promise<T | undefined> {
    const { known, underWay } = this.#of(store);
    const name = `${document.key} ${document.by ?? ''}`;
    for (let other = underWay.get(name); other !== undefined; other = underWay.get(name)) {
      // What is there stays as it is. What was not there then may be there now, and what failed may succeed.
      const found = await other.catch(() => undefined);
      if (found !== undefined) return found.value;
    }
    const reading = readAgain(store, document, known.get(name));
    underWay.set(name, reading);
    try {
      const found = await reading;
      known.delete(name);
      if (found !== undefined) known.set(name, found);
      forgetOldest(known);
      return found?.value;
    } finally {
      underWay.delete(name);
    }
  }

  #of(store: ObjectStore): KeptOfStore<T> {
    const kept = this.#kept.get(store) ?? { known: new Map(), underWay: new Map() };
    this.#kept.set(store, kept);
    return kept;
  }
}

interface KeptOfStore<T> {
  /** The one that was asked for last comes last. */
  readonly known: Map<string, Kept<T>>;
  readonly underWay: Map<string, Promise<Kept<T> | undefined>>;
}

interface Kept<T> {
  readonly etag: string;
  readonly value: T;
  /** As it was read: parsed, it takes several times as much. */
  readonly bytes: number;
}

async function readAgain<T>(
  store: ObjectStore,
  { key, parse }: DocumentToRead<T>,
  known: Kept<T> | undefined,
): Promise<Kept<T> | undefined> {
  const stored = await (known === undefined ? store.get(key) : store.getIfChanged(key, known.etag));
  if (stored === 'not-modified') return known;
  return stored && { etag: stored.etag, value: parse(stored.body), bytes: stored.body.length };
}

/** All but the one that was asked for last may go. */
function forgetOldest(known: Map<string, Kept<unknown>>): void {
  for (const oldest of known.keys()) {
    const bytes = known.values().reduce((sum, kept) => sum + kept.bytes, 0);
    if (known.size === 1 || (known.size <= MOST_KEPT && bytes <= MOST_BYTES_KEPT)) return;
    known.delete(oldest);
  }
}

const MOST_KEPT = 3;
const MOST_BYTES_KEPT = 32 * 1024 * 1024;
