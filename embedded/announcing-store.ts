import { wrapStore } from '#adapters/wrap-store.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

/**
 * Says which object was written through it, once it is. Only a hint to look at once: what others write is not told,
 * so that whoever waits for an object looks for it from time to time all the same.
 */
export function announcingStore(store: ObjectStore, announce: (key: string) => void): ObjectStore {
  return wrapStore(store, async ({ body, key }, run) => {
    const answer = await run();
    if (body !== undefined) announce(key);
    return answer;
  });
}
