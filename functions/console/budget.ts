import { createHash, randomBytes } from 'node:crypto';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** So much in so many seconds. */
export interface Limit {
  readonly points: number;
  readonly seconds: number;
}

/**
 * What each of any number of people or addresses may spend. They share a fixed number of purses, by a digest that
 * nobody outside can work out: memory is bounded, whoever asks, and two seldom share one.
 */
export class Budget {
  readonly #limiter: RateLimiterMemory;
  readonly #salt = randomBytes(16);

  constructor({ points, seconds }: Limit) {
    this.#limiter = new RateLimiterMemory({ points, duration: seconds });
  }

  /** Seconds to wait where nothing is left; else `undefined`, and one point is spent. */
  async spend(who: string): Promise<number | undefined> {
    try {
      await this.#limiter.consume(this.#purseOf(who));
      return undefined;
    } catch (spent) {
      if (!(spent instanceof RateLimiterRes)) throw spent;
      return Math.max(1, Math.ceil(spent.msBeforeNext / 1000));
    }
  }

  /** As `spend`, but nothing is. */
  async isSpent(who: string): Promise<number | undefined> {
    const purse = await this.#limiter.get(this.#purseOf(who));
    if (purse === null || purse.consumedPoints < this.#limiter.points) return undefined;
    return Math.max(1, Math.ceil(purse.msBeforeNext / 1000));
  }

  #purseOf(who: string): number {
    return createHash('sha256').update(this.#salt).update(who).digest().readUInt32LE() % PURSES;
  }
}

const PURSES = 16_384;
