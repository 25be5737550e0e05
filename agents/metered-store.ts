import { bytesInAnswer, wrapStore } from '#adapters/wrap-store.ts';
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
  return wrapStore(store, ({ body, method }, run) => {
    if (body !== undefined) return up.measure(() => body.byteLength, run);
    return method.startsWith('get') ? down.measure(bytesInAnswer, run) : run();
  });
}
