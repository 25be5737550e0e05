import type { ByteRange, CallOptions, ObjectStore } from '#core/ports/object-store.ts';

/** One call to a store, as what stands around it needs to know it. */
export interface StoreCall {
  readonly method: Exclude<keyof ObjectStore, 'url' | 'list' | 'listFolders'>;
  readonly key: string;
  /** What it sends: of `put`, `create` and `replace`. */
  readonly body?: Uint8Array;
  readonly range?: ByteRange;
  readonly signal: AbortSignal | undefined;
}

type Around = <T>(call: StoreCall, run: () => Promise<T>) => Promise<T>;

/** The same store with something around each of its calls; a list, which is no single call, passes as it is. */
export function wrapStore(store: ObjectStore, around: Around): ObjectStore {
  return {
    url: store.url,
    get: (key, options) => around(callOf('get', key, options), () => store.get(key, options)),
    getIfChanged: (key, etag, options) =>
      around(callOf('getIfChanged', key, options), () => store.getIfChanged(key, etag, options)),
    getRange: (key, range, options) =>
      around({ ...callOf('getRange', key, options), range }, () => store.getRange(key, range, options)),
    head: (key, options) => around(callOf('head', key, options), () => store.head(key, options)),
    put: (key, body, options) => around({ ...callOf('put', key, options), body }, () => store.put(key, body, options)),
    create: (key, body, options) =>
      around({ ...callOf('create', key, options), body }, () => store.create(key, body, options)),
    replace: (key, body, etag, options) =>
      around({ ...callOf('replace', key, options), body }, () => store.replace(key, body, etag, options)),
    list: (prefix, options) => store.list(prefix, options),
    listFolders: (prefix, options) => store.listFolders(prefix, options),
    delete: (key, options) => around(callOf('delete', key, options), () => store.delete(key, options)),
  };
}

function callOf(method: StoreCall['method'], key: string, options: CallOptions | undefined): StoreCall {
  return { method, key, signal: options?.signal };
}

export function isWrite({ method }: Pick<StoreCall, 'method'>): boolean {
  switch (method) {
    case 'get':
    case 'getIfChanged':
    case 'getRange':
    case 'head':
      return false;
    case 'put':
    case 'create':
    case 'replace':
    case 'delete':
      return true;
  }
}

/** Of the body in whatever a call resolved to. */
export function bytesInAnswer(answer: unknown): number {
  if (answer instanceof Uint8Array) return answer.byteLength;
  if (typeof answer !== 'object' || answer === null || !('body' in answer)) return 0;
  return answer.body instanceof Uint8Array ? answer.body.byteLength : 0;
}
