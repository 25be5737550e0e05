import { randomUUID } from 'node:crypto';
import { LeaseLost, StoreLease } from '#adapters/store-lease.ts';
import { SweepUnderWay } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { Lease } from '#core/lease.ts';
import { LEASE_MARGIN_MILLISECONDS, LEASE_MILLISECONDS } from '#core/sweep.ts';
import type { Dependencies } from '../dependencies.ts';

/** Why a sweep ends before it is through. */
export class GaveWay extends Error {
  override readonly name = 'GaveWay';
}

type HoldDependencies = Pick<Dependencies, 'store' | 'now' | 'log'>;

/** The lease of the one sweep that is at work: while it lasts no source is told to take stock. */
export class SweepHold {
  readonly #dependencies: HoldDependencies;
  readonly #lease: StoreLease;

  private constructor(dependencies: HoldDependencies, lease: StoreLease) {
    this.#dependencies = dependencies;
    this.#lease = lease;
  }

  /** Throws SweepUnderWay while another sweep holds it. */
  static async take(dependencies: HoldDependencies, by: string): Promise<SweepHold> {
    const taking = await StoreLease.take(dependencies, {
      key: keys.sweepLease(),
      format: 'lockstep-sweep-lease/1',
      by,
      holder: randomUUID(),
      milliseconds: LEASE_MILLISECONDS,
    });
    if (taking.kind === 'taken') throw anotherSweep(taking.by);
    // Whoever waited for an earlier sweep has a request that this one will see.
    await dependencies.store.delete(keys.sweepAwaited());
    return new SweepHold(dependencies, taking.lease);
  }

  /** To be called before each removal. Throws GaveWay once a sync waits, or the lease is no longer certain. */
  async assertHeld(): Promise<void> {
    const { now, store } = this.#dependencies;
    this.#assertTimeLeft(this.#lease.until);
    if ((await store.head(keys.sweepAwaited())) !== undefined) throw new GaveWay('a sync waits to take stock');
    if (this.#lease.until.getTime() - now().getTime() < LEASE_MILLISECONDS - RENEWED_AFTER) await this.#renew();
    this.#assertTimeLeft(this.#lease.until);
  }

  /** Says that the sweep has ended. */
  async release(): Promise<void> {
    const { log, store } = this.#dependencies;
    try {
      await this.#lease.release();
      await store.delete(keys.sweepAwaited());
    } catch (error) {
      // It ends by itself.
      log('sweep-lease-not-released', { problem: String(error) });
    }
  }

  async #renew(): Promise<void> {
    const former = this.#lease.until;
    try {
      await this.#lease.renew();
    } catch (error) {
      if (error instanceof LeaseLost) throw new GaveWay('another sweep has begun', { cause: error });
      throw error;
    }
    // The former lease may have ended during the call, and a source may have seen that.
    this.#assertTimeLeft(former);
  }

  #assertTimeLeft(until: Date): void {
    const left = until.getTime() - this.#dependencies.now().getTime();
    if (left < LEASE_MARGIN_MILLISECONDS) throw new GaveWay('it was held up for longer than its lease lasts');
  }
}

function anotherSweep({ by, until }: Lease): SweepUnderWay {
  return new SweepUnderWay(`another sweep is under way, by ${by} until ${until} at the latest: try again later`);
}

const RENEWED_AFTER = 60_000;
