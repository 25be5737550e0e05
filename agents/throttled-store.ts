import { setTimeout } from 'node:timers/promises';
import { LONGEST_RANGE } from '#core/plan-ranges.ts';
import type { CallOptions, ObjectStore } from '#core/ports/object-store.ts';

/** A store that keeps to a rate, up and down together. What is in memory already counts once it has passed. */
export function throttledStore(
  store: ObjectStore,
  bytesPerSecond: (() => number | undefined) | undefined,
): ObjectStore {
  if (bytesPerSecond === undefined) return store;
  const bucket = new TokenBucket(bytesPerSecond);
  const download = async <T>(
    bytesOf: (answer: T) => number,
    options: CallOptions | undefined,
    call: () => Promise<T>,
  ) => {
    await bucket.wait(options?.signal);
    const answer = await call();
    bucket.spend(bytesOf(answer));
    return answer;
  };
  const upload = async <T>(bytes: number, options: CallOptions | undefined, call: () => Promise<T>) => {
    await bucket.wait(options?.signal, bytes);
    return call();
  };
  return {
    url: store.url,
    get: (key, options) =>
      download(
        (found) => found?.body.length ?? 0,
        options,
        () => store.get(key, options),
      ),
    getIfChanged: (key, etag, options) =>
      download(
        (found) => (typeof found === 'object' ? found.body.length : 0),
        options,
        () => store.getIfChanged(key, etag, options),
      ),
    getRange: (key, range, options) => upload(range.length, options, () => store.getRange(key, range, options)),
    head: (key, options) => store.head(key, options),
    put: (key, body, options) => upload(body.length, options, () => store.put(key, body, options)),
    create: (key, body, options) => upload(body.length, options, () => store.create(key, body, options)),
    replace: (key, body, etag, options) => upload(body.length, options, () => store.replace(key, body, etag, options)),
    list: (prefix, options) => store.list(prefix, options),
    delete: (key, options) => store.delete(key, options),
  };
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
