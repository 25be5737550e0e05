import pRetry from 'p-retry';
import { wrapStore } from '#adapters/wrap-store.ts';
import { StoreConflict, StoreTransient } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { AgentLog } from './agent.ts';

export interface RetryOptions {
  readonly retries: number;
  /** Before the first retry; doubles up to half a minute. */
  readonly firstMilliseconds: number;
}

/** About five minutes of an outage. */
const PATIENT: RetryOptions = { retries: 16, firstMilliseconds: 250 };

/** A store whose calls outlast a short outage: what may succeed later is tried again, with growing pauses. */
export function retryingStore(store: ObjectStore, log: AgentLog, options: RetryOptions = PATIENT): ObjectStore {
  return wrapStore(store, ({ signal }, run) =>
    pRetry(run, {
      retries: options.retries,
      minTimeout: options.firstMilliseconds,
      maxTimeout: 30_000,
      randomize: true,
      shouldRetry: ({ error }) => error instanceof StoreTransient || error instanceof StoreConflict,
      onFailedAttempt: ({ error, retriesLeft }) => {
        if (error instanceof StoreTransient) log('store-unavailable', { problem: error.message, retriesLeft });
      },
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}
