import { bytesInAnswer, wrapStore } from '#adapters/wrap-store.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { HEADER_BYTES, headersUp, type Method, requestBytes } from './http-bytes.ts';
import type { Line } from './lane.ts';

/** A store at the far end of a line: every call takes a round trip, and its bytes the time that they need. */
export function shapedStore(store: ObjectStore, line: Line): ObjectStore {
  const carry = async <T>({ body, method, signal }: Carried, call: () => Promise<T>): Promise<T> => {
    let answer: T | undefined;
    await line.up.pass(headersUp(method) + requestBytes(body), signal);
    try {
      answer = await call();
      return answer;
    } finally {
      await line.down.pass(HEADER_BYTES.answer + bytesInAnswer(answer), signal);
    }
  };
  return {
    ...wrapStore(store, carry),
    async *list(prefix, options) {
      await carry({ method: 'list', signal: options?.signal }, async () => undefined);
      yield* store.list(prefix, options);
    },
    async *listFolders(prefix, options) {
      await carry({ method: 'list', signal: options?.signal }, async () => undefined);
      yield* store.listFolders(prefix, options);
    },
  };
}

interface Carried {
  readonly method: Method;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal | undefined;
}
