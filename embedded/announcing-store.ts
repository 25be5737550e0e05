import type { ObjectStore } from '#core/ports/object-store.ts';

/**
 * Says which object was written through it, once it is. Only a hint to look at once: what others write is not told,
 * so that whoever waits for an object looks for it from time to time all the same.
 */
export function announcingStore(store: ObjectStore, announce: (key: string) => void): ObjectStore {
  const announced = async <T>(key: string, write: Promise<T>): Promise<T> => {
    const written = await write;
    announce(key);
    return written;
  };
  return {
    url: store.url,
    get: (key, options) => store.get(key, options),
    getIfChanged: (key, etag, options) => store.getIfChanged(key, etag, options),
    getRange: (key, range, options) => store.getRange(key, range, options),
    head: (key, options) => store.head(key, options),
    put: (key, body, options) => announced(key, store.put(key, body, options)),
    create: (key, body, options) => announced(key, store.create(key, body, options)),
    replace: (key, body, etag, options) => announced(key, store.replace(key, body, etag, options)),
    list: (prefix, options) => store.list(prefix, options),
    delete: (key, options) => store.delete(key, options),
  };
}
