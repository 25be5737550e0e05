import { keys, type OrderStep, orderId } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { lookAtAll } from '#functions/look-at-all.ts';
import { Doorbell } from './doorbell.ts';

/** What a task with a token waits for. */
export interface AwaitedTask {
  readonly sync: SyncId;
  /** Absent for an approval. */
  readonly order?: { readonly step: OrderStep; readonly server: ServerId };
}

/** Milliseconds; a store that is away is not asked, nor complained about, at every poll. */
const PAUSE_AFTER_TROUBLE = 1000;

type Deliver = (key: string) => Promise<unknown>;

/**
 * Stands in for S3's events: looks at the objects that somebody waits for, and delivers the key of each that is new
 * or changed. Delivers at least once, as S3 does.
 */
export class EventSource {
  readonly #store: ObjectStore;
  readonly #seen = new Map<string, string | undefined>();
  readonly #told = new Set<string>();
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
    if (!this.#seen.has(key)) return;
    this.#told.add(key);
    this.#bell.ring();
  }

  /**
   * Until the signal aborts. In between the rounds only what was told is looked at, for thousands may be waited for.
   * Failed deliveries come again at the next round.
   */
  async run(deliver: Deliver, { pollMilliseconds, signal, onError }: EventLoop): Promise<void> {
    let due = 0;
    while (!signal.aborted) {
      const isRound = performance.now() >= due;
      const awaited = isRound ? [...this.#seen.keys()] : [...this.#told];
      this.#told.clear();
      let pause = pollMilliseconds;
      await lookAtAll(awaited, async (key) => {
        try {
          await this.#look(key, deliver);
        } catch (error) {
          onError(error);
          pause = Math.max(pollMilliseconds, PAUSE_AFTER_TROUBLE);
        }
      });
      if (isRound || pause > pollMilliseconds) due = performance.now() + pause;
      await this.#bell.sleep(Math.max(0, due - performance.now()), signal);
    }
  }

  async #look(key: string, deliver: Deliver): Promise<void> {
    const info = await this.#store.head(key);
    if (info === undefined || !this.#seen.has(key) || info.etag === this.#seen.get(key)) return;
    await deliver(key);
    if (this.#seen.has(key)) this.#seen.set(key, info.etag);
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
