import { encodeDocument, parseDocument } from '#core/documents.ts';
import { StoreConflict, StorePrecondition } from '#core/errors.ts';
import { isLive, type Lease, leaseSchema } from '#core/lease.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

export interface LeaseTerms extends Required<Pick<Lease, 'by' | 'format' | 'holder'>> {
  readonly key: string;
  /** It lasts from each renewal. */
  readonly milliseconds: number;
}

interface LeaseParts {
  readonly store: ObjectStore;
  readonly now: () => Date;
}

/** `taken`: by somebody else, as far as is known. */
export type Taking =
  | { readonly kind: 'held'; readonly lease: StoreLease }
  | { readonly kind: 'taken'; readonly by: Lease };

/** Somebody else has taken what was not renewed in time. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

type HeldLease = Lease & { readonly until: string };

/**
 * An object of the store that one holds at a time, by compare-and-swap. It is a promise among clocks: whoever was stopped
 * while it held one goes on believing so until it looks. What it guards must bear that, or keep a distance from the end.
 */
export class StoreLease {
  readonly #parts: LeaseParts;
  readonly #terms: LeaseTerms;
  #lease: HeldLease;
  #etag: string;

  private constructor(parts: LeaseParts, terms: LeaseTerms, { etag, lease }: Stored<HeldLease>) {
    this.#parts = parts;
    this.#terms = terms;
    this.#lease = lease;
    this.#etag = etag;
  }

  static async take(
    parts: LeaseParts,
    terms: LeaseTerms,
    isFree: (earlier: Lease) => boolean = (earlier) => !isLive(earlier, parts.now()),
  ): Promise<Taking> {
    const { now, store } = parts;
    const { by, format, holder, key } = terms;
    const stored = await read(store, key);
    if (stored !== undefined && !isFree(stored.lease)) return { kind: 'taken', by: stored.lease };
    const lease = lasting({ by, format, holder, startedAt: now().toISOString() }, terms, now());
    const written = await write(store, key, { lease, etag: stored?.etag });
    if (written.kind === 'taken') return { kind: 'taken', by: written.by ?? lease };
    return { kind: 'held', lease: new StoreLease(parts, terms, { lease, etag: written.etag }) };
  }

  get until(): Date {
    return new Date(this.#lease.until);
  }

  async renew(): Promise<void> {
    const { now, store } = this.#parts;
    const lease = lasting(this.#lease, this.#terms, now());
    const written = await write(store, this.#terms.key, { lease, etag: this.#etag });
    if (written.kind === 'taken') throw new LeaseLost(describe(written.by));
    this.#lease = lease;
    this.#etag = written.etag;
  }

  /** Leaves alone what is somebody else's by now. */
  async release(): Promise<void> {
    await write(this.#parts.store, this.#terms.key, { lease: { ...this.#lease, until: null }, etag: this.#etag });
  }
}

interface Stored<L> {
  readonly lease: L;
  readonly etag: string;
}

async function read(store: ObjectStore, key: string): Promise<Stored<Lease> | undefined> {
  const stored = await store.get(key);
  return stored && { lease: parseDocument(key, leaseSchema, stored.body), etag: stored.etag };
}

type Written =
  | { readonly kind: 'written'; readonly etag: string }
  | { readonly kind: 'taken'; readonly by: Lease | undefined };

/** In place of the one with this etag, or of none. */
async function write(
  store: ObjectStore,
  key: string,
  { etag, lease }: { readonly lease: Lease; readonly etag: string | undefined },
): Promise<Written> {
  const body = encodeDocument(lease);
  try {
    const written = await (etag === undefined ? store.create(key, body) : store.replace(key, body, etag));
    return { kind: 'written', etag: written.etag };
  } catch (error) {
    if (!(error instanceof StorePrecondition || error instanceof StoreConflict)) throw error;
    const stored = await read(store, key);
    // Its answer was lost: nobody else writes these very words.
    if (stored !== undefined && Buffer.compare(encodeDocument(stored.lease), body) === 0) {
      return { kind: 'written', etag: stored.etag };
    }
    if (error instanceof StoreConflict && stored?.etag === etag) throw error;
    return { kind: 'taken', by: stored?.lease };
  }
}

function lasting(lease: Omit<Lease, 'until'>, { milliseconds }: LeaseTerms, now: Date): HeldLease {
  return { ...lease, until: new Date(now.getTime() + milliseconds).toISOString() };
}

function describe(by: Lease | undefined): string {
  return by === undefined ? 'somebody has removed the lease' : `${by.by} has taken over since ${by.startedAt}`;
}
