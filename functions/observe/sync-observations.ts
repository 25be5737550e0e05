import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SyncId } from '#core/sync.ts';
import { lookAgain, type ObserveOptions, SyncObserver, type SyncView } from './observe-sync.ts';

type ObservationOptions = Pick<ObserveOptions, 'pollMilliseconds' | 'pause' | 'verdictSuffices'> & {
  readonly controlKey: () => Promise<string | undefined>;
  readonly now: () => Date;
};

/** Of all who look at the same sync in this process one looks, and shows it to the others. */
export class SyncObservations {
  readonly #store: ObjectStore;
  readonly #options: ObservationOptions;
  readonly #observed = new Map<SyncId, Observation>();

  constructor(store: ObjectStore, options: ObservationOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** What the store says from now on; those who ask at the same time share one look. BadInput where there is no such sync. */
  async look(sync: SyncId): Promise<SyncView> {
    return await this.#of(sync).look();
  }

  /** The view of a look that began a moment ago, whoever asked for it; else as `look`. */
  async recent(sync: SyncId): Promise<SyncView> {
    return await this.#of(sync).recent();
  }

  /**
   * What is known at once, and each new view, until the verdict is there; a slow watcher misses some. The store is looked
   * at as long as somebody watches. Throws as `observeSync` does.
   */
  async *watch(sync: SyncId, signal: AbortSignal): AsyncGenerator<SyncView> {
    yield* this.#of(sync).watch(signal);
  }

  /** Forgets the one that was asked for longest ago, if nobody watches it. */
  #of(sync: SyncId): Observation {
    const observation = this.#observed.get(sync) ?? new Observation(this.#store, sync, this.#options);
    this.#observed.delete(sync);
    this.#observed.set(sync, observation);
    if (this.#observed.size > MOST_KEPT) {
      for (const [oldest, { isWatched }] of this.#observed) {
        if (isWatched || oldest === sync) continue;
        this.#observed.delete(oldest);
        break;
      }
    }
    return observation;
  }
}

class Observation {
  readonly #store: ObjectStore;
  readonly #sync: SyncId;
  readonly #options: ObservationOptions;
  #observer: Promise<SyncObserver> | undefined;
  #current: Promise<SyncView> | undefined;
  /** When the current look did. */
  #begun = 0;
  #next: Promise<SyncView> | undefined;
  #loop: Loop | undefined;

  constructor(store: ObjectStore, sync: SyncId, options: ObservationOptions) {
    this.#store = store;
    this.#sync = sync;
    this.#options = options;
  }

  get isWatched(): boolean {
    return this.#loop !== undefined;
  }

  look(): Promise<SyncView> {
    this.#next ??= this.#lookNext();
    return this.#next;
  }

  async recent(): Promise<SyncView> {
    const age = this.#options.now().getTime() - this.#begun;
    return age < RECENT_MILLISECONDS && this.#current !== undefined ? await this.#current : await this.look();
  }

  async *watch(signal: AbortSignal): AsyncGenerator<SyncView> {
    signal.throwIfAborted();
    const loop = this.#join();
    try {
      for (let seen: SyncView | undefined; seen?.phase !== 'done'; ) {
        if (loop.failed) throw loop.failed.error;
        const { news, view } = loop;
        if (view === undefined || view === seen) await orAborted(news.promise, signal);
        else yield view;
        seen = view;
      }
    } finally {
      loop.watchers--;
      if (loop.watchers === 0) this.#end(loop);
    }
  }

  async #lookNext(): Promise<SyncView> {
    // Begins once the one that is under way has ended: what was written before somebody asked is in it.
    await this.#current?.catch(() => undefined);
    this.#next = undefined;
    this.#begun = this.#options.now().getTime();
    this.#observer ??= this.#createObserver();
    this.#current = this.#observer.then((observer) => observer.look());
    return await this.#current;
  }

  async #createObserver(): Promise<SyncObserver> {
    const { verdictSuffices = false } = this.#options;
    const controlKey = await this.#options.controlKey();
    return new SyncObserver(this.#store, this.#sync, { signal: NEVER, controlKey, verdictSuffices });
  }

  #join(): Loop {
    if (this.#loop === undefined) {
      const loop = { watchers: 0, stopping: new AbortController(), news: Promise.withResolvers<void>() };
      this.#loop = loop;
      void this.#run(loop);
    }
    this.#loop.watchers++;
    return this.#loop;
  }

  /** Never rejects: what it meets is what all watchers meet. */
  async #run(loop: Loop): Promise<void> {
    const { pause, pollMilliseconds } = this.#options;
    try {
      const { signal } = loop.stopping;
      for await (const view of lookAgain(() => this.look(), { signal, pollMilliseconds, pause })) {
        if (view !== loop.view) tell(loop, { view });
      }
    } catch (error) {
      tell(loop, { failed: { error } });
    }
    this.#end(loop);
  }

  #end(loop: Loop): void {
    loop.stopping.abort();
    if (this.#loop === loop) this.#loop = undefined;
  }
}

/** As long as somebody watches. */
interface Loop {
  watchers: number;
  readonly stopping: AbortController;
  /** Settled when there is something that was not there before. */
  news: PromiseWithResolvers<void>;
  view?: SyncView;
  failed?: { readonly error: unknown };
}

function tell(loop: Loop, what: Pick<Loop, 'view' | 'failed'>): void {
  Object.assign(loop, what);
  const { resolve } = loop.news;
  loop.news = Promise.withResolvers();
  resolve();
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

const NEVER = new AbortController().signal;
/** Syncs that somebody looks at, more or less at the same time. */
const MOST_KEPT = 16;
const RECENT_MILLISECONDS = 2000;
