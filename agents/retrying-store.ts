import pRetry from 'p-retry';
import { StoreConflict, StoreTransient } from '#core/errors.ts';
import type { ByteRange, CallOptions, ObjectStore } from '#core/ports/object-store.ts';
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
  const retried = <T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> =>
    pRetry(call, {
      retries: options.retries,
      minTimeout: options.firstMilliseconds,
      maxTimeout: 30_000,
      randomize: true,
      shouldRetry: ({ error }) => error instanceof StoreTransient || error instanceof StoreConflict,
      onFailedAttempt: ({ error, retriesLeft }) => {
        if (error instanceof StoreTransient) log('store-unavailable', { problem: error.message, retriesLeft });
      },
      ...(signal === undefined ? {} : { signal }),
    });
  return {
    url: store.url,
    get: (key: string, call?: CallOptions) => retried(() => store.get(key, call), call?.signal),
    getIfChanged: (key: string, etag: string, call?: CallOptions) =>
      retried(() => store.getIfChanged(key, etag, call), call?.signal),
    getRange: (key: string, range: ByteRange, call?: CallOptions) =>
      retried(() => store.getRange(key, range, call), call?.signal),
    head: (key: string, call?: CallOptions) => retried(() => store.head(key, call), call?.signal),
    put: (key: string, body: Uint8Array, call?: CallOptions) => retried(() => store.put(key, body, call), call?.signal),
    create: (key: string, body: Uint8Array, call?: CallOptions) =>
      retried(() => store.create(key, body, call), call?.signal),
    replace: (key: string, body: Uint8Array, etag: string, call?: CallOptions) =>
      retried(() => store.replace(key, body, etag, call), call?.signal),
    list: (prefix: string, call?: CallOptions) => store.list(prefix, call),
    delete: (key: string, call?: CallOptions) => retried(() => store.delete(key, call), call?.signal),
  };
}
