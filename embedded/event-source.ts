import { keys, type OrderStep, orderId } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { Doorbell } from './doorbell.ts';

/** What a task with a token waits for. */
export interface AwaitedTask {
  readonly sync: SyncId;
  /** Absent for an approval. */
  readonly order?: { readonly step: OrderStep; readonly server: ServerId };
}

/** Milliseconds; a store that is away is not asked, nor complained about, at every poll. */
const PAUSE_AFTER_TROUBLE = 1000;

type Deliver = (key: string) => Promise<void>;

/**
 * Stands in for S3's events: looks at the objects that somebody waits for, and delivers the key of each that is new
 * or changed. Delivers at least once, as S3 does.
 */
export class EventSource {
  readonly #store: ObjectStore;
  readonly #seen = new Map<string, string | undefined>();
  readonly #bell = new Doorbell();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Until the returned function is called. */
  watch(task: AwaitedTask): () => void {
    const awaited = awaitedKeys(task);
    for (const key of awaited) this.#seen.set(key, undefined);
    return () => {
      for (const key of awaited) this.#seen.delete(key);
    };
  }

  /** This object was written: if somebody waits for it, it is looked at now. */
  tell(key: string): void {
    if (this.#seen.has(key)) this.#bell.ring();
  }

  /** Until the signal aborts. Failed deliveries come again at the next round. */
  async run(deliver: Deliver, { pollMilliseconds, signal, onError }: EventLoop): Promise<void> {
    while (!signal.aborted) {
      let pause = pollMilliseconds;
      for (const [key, etag] of [...this.#seen]) {
        try {
          const info = await this.#store.head(key);
          if (info === undefined || info.etag === etag) continue;
          await deliver(key);
          if (this.#seen.has(key)) this.#seen.set(key, info.etag);
        } catch (error) {
          onError(error);
          pause = Math.max(pollMilliseconds, PAUSE_AFTER_TROUBLE);
        }
      }
      await this.#bell.sleep(pause, signal);
    }
  }
}

export interface EventLoop {
  readonly pollMilliseconds: number;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

function awaitedKeys({ sync, order }: AwaitedTask): string[] {
  if (order === undefined) return [keys.decision(sync), keys.cancelled(sync)];
  const id = orderId(sync, order.step, order.server);
  return [keys.receipt(order.server, id), keys.progress(order.server, id)];
}
