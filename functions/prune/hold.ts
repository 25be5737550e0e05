import { encodeDocument, parseDocument } from '#core/documents.ts';
import { StoreConflict, StorePrecondition, SweepUnderWay } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import {
  isLive,
  LEASE_MARGIN_MILLISECONDS,
  LEASE_MILLISECONDS,
  SWEEP_LEASE_FORMAT,
  type SweepLease,
  sweepLeaseSchema,
} from '#core/sweep.ts';
import type { Dependencies } from '../dependencies.ts';

/** Why a sweep ends before it is through. */
export class GaveWay extends Error {
  override readonly name = 'GaveWay';
}

type HeldLease = SweepLease & { readonly until: string };

type HoldDependencies = Pick<Dependencies, 'store' | 'now' | 'log'>;

/** The lease of the one sweep that is at work: while it lasts no source is told to take stock. */
export class SweepHold {
  readonly #dependencies: HoldDependencies;
  #lease: HeldLease;
  #etag: string;

  private constructor(dependencies: HoldDependencies, lease: HeldLease, etag: string) {
    this.#dependencies = dependencies;
    this.#lease = lease;
    this.#etag = etag;
  }

  /** Throws SweepUnderWay while another sweep holds it. */
  static async take(dependencies: HoldDependencies, by: string): Promise<SweepHold> {
    const { now, store } = dependencies;
    const key = keys.sweepLease();
    const stored = await store.get(key);
    const earlier = stored && parseDocument(key, sweepLeaseSchema, stored.body);
    if (earlier !== undefined && isLive(earlier, now())) throw anotherSweep(earlier);
    const lease = leaseFrom(now(), { format: SWEEP_LEASE_FORMAT, by, startedAt: now().toISOString() });
    try {
      const body = encodeDocument(lease);
      const { etag } = await (stored === undefined ? store.create(key, body) : store.replace(key, body, stored.etag));
      // Whoever waited for an earlier sweep has a request that this one will see.
      await store.delete(keys.sweepAwaited());
      return new SweepHold(dependencies, lease, etag);
    } catch (error) {
      if (error instanceof StorePrecondition || error instanceof StoreConflict) throw anotherSweep(lease, error);
      throw error;
    }
  }

  /** To be called before each removal. Throws GaveWay once a sync waits, or the lease is no longer certain. */
  async assertHeld(): Promise<void> {
    const { now, store } = this.#dependencies;
    this.#assertTimeLeft();
    if ((await store.head(keys.sweepAwaited())) !== undefined) throw new GaveWay('a sync waits to take stock');
    if (Date.parse(this.#lease.until) - now().getTime() < LEASE_MILLISECONDS - RENEWED_AFTER) await this.#renew();
    this.#assertTimeLeft();
  }

  /** Says that the sweep has ended; a lease that is somebody else's by now is left alone. */
  async release(): Promise<void> {
    const { log, store } = this.#dependencies;
    try {
      const ended: SweepLease = { ...this.#lease, until: null };
      await store.replace(keys.sweepLease(), encodeDocument(ended), this.#etag);
      await store.delete(keys.sweepAwaited());
    } catch (error) {
      // It ends by itself.
      log('sweep-lease-not-released', { problem: String(error) });
    }
  }

  async #renew(): Promise<void> {
    const { now, store } = this.#dependencies;
    const { until: _, ...rest } = this.#lease;
    const renewed = leaseFrom(now(), rest);
    try {
      this.#etag = (await store.replace(keys.sweepLease(), encodeDocument(renewed), this.#etag)).etag;
    } catch (error) {
      if (error instanceof StorePrecondition) throw new GaveWay('another sweep has begun', { cause: error });
      throw error;
    }
    // The former lease may have ended during the call, and a source may have seen that.
    this.#assertTimeLeft();
    this.#lease = renewed;
  }

  #assertTimeLeft(): void {
    const left = Date.parse(this.#lease.until) - this.#dependencies.now().getTime();
    if (left < LEASE_MARGIN_MILLISECONDS) throw new GaveWay('it was held up for longer than its lease lasts');
  }
}

function leaseFrom(now: Date, lease: Omit<SweepLease, 'until'>): HeldLease {
  return { ...lease, until: new Date(now.getTime() + LEASE_MILLISECONDS).toISOString() };
}

function anotherSweep({ by, until }: SweepLease, cause?: unknown): SweepUnderWay {
  return new SweepUnderWay(`another sweep is under way, by ${by} until ${until} at the latest: try again later`, {
    cause,
  });
}

const RENEWED_AFTER = 60_000;
