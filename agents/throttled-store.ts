import { setTimeout } from 'node:timers/promises';
import { bytesInAnswer, wrapStore } from '#adapters/wrap-store.ts';
import { LONGEST_RANGE } from '#core/plan-ranges.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

/** A store that keeps to a rate, up and down together. What is in memory already counts once it has passed. */
export function throttledStore(
  store: ObjectStore,
  bytesPerSecond: (() => number | undefined) | undefined,
): ObjectStore {
  if (bytesPerSecond === undefined) return store;
  const bucket = new TokenBucket(bytesPerSecond);
  return wrapStore(store, async ({ body, method, range, signal }, run) => {
    // What is known to pass is spent before, and else after.
    const known = body?.byteLength ?? range?.length;
    if (known === undefined && !method.startsWith('get')) return run();
    await bucket.wait(signal, known);
    const answer = await run();
    if (known === undefined) bucket.spend(bytesInAnswer(answer));
    return answer;
  });
}

/** What to fetch with one call: about a second's worth, so that a narrow link is not filled in bursts. */
export function rangeBytes(bytesPerSecond: number | undefined): number {
  return Math.min(Math.max(bytesPerSecond ?? LONGEST_RANGE, LEAST_AT_ONCE), LONGEST_RANGE);
}

/** May go into debt by one call, and lets nobody pass until that is paid. Saves up no more than a quarter of a second. */
class TokenBucket {
  readonly #rate: () => number | undefined;
  #tokens = 0;
  #filledAt = performance.now();

  constructor(rate: () => number | undefined) {
    this.#rate = rate;
  }

  /** What is known to pass is spent in the same moment: several at a time must not all find the bucket full. */
  async wait(signal: AbortSignal | undefined, bytes = 0): Promise<void> {
    while (this.#fill() < 0) await setTimeout(PAUSE_MILLISECONDS, undefined, signal === undefined ? {} : { signal });
    this.spend(bytes);
  }

  spend(bytes: number): void {
    if (this.#rate() !== undefined) this.#tokens -= bytes;
  }

  #fill(): number {
    const rate = this.#rate();
    const now = performance.now();
    const earned = rate === undefined ? Number.POSITIVE_INFINITY : ((now - this.#filledAt) / 1000) * rate;
    this.#filledAt = now;
    this.#tokens = rate === undefined ? 0 : Math.min(this.#tokens + earned, rate / 4);
    return this.#tokens;
  }
}

const PAUSE_MILLISECONDS = 20;
const LEAST_AT_ONCE = 64 * 1024;
