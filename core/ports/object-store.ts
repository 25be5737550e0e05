/**
 * The one way to keep anything: S3, or something with the same promises. Keys are `/`-separated, made by
 * core/keys.ts. Every method may throw StoreTransient (the same call may succeed later) or StorePermanent
 * (it will not), and aborts with the signal's reason. Bytes that a call hands out are the caller's own, and bytes
 * that it was given are not looked at once its promise has settled.
 */
export interface ObjectStore {
  /** Where this store is, for messages: `file:///…` or `s3://bucket/prefix`. */
  readonly url: string;

  /**
   * The whole object. `undefined` when there is none; a store that hides absence behind "forbidden" (S3 without
   * the right to list) answers `undefined` too.
   */
  get(key: string, options?: CallOptions): Promise<StoredObject | undefined>;

  /** As `get`, but `'not-modified'`, at next to no cost, while the object still has this etag. */
  getIfChanged(key: string, etag: string, options?: CallOptions): Promise<StoredObject | 'not-modified' | undefined>;

  /** `length` bytes from `offset`; fewer only where the object ends before. `undefined` when there is none. */
  getRange(key: string, range: ByteRange, options?: CallOptions): Promise<Uint8Array | undefined>;

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;

  /** Writes whether or not there is an object; the last writer wins. Durable when the promise resolves. */
  put(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }>;

  /**
   * Create-once: of any number of concurrent callers one succeeds, the others get StorePrecondition, and no
   * reader ever sees a part of the object. StoreConflict: not known, ask again.
   */
  create(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }>;

  /** Compare-and-swap: writes only while the object has this etag; else, or without an object, StorePrecondition. */
  replace(key: string, body: Uint8Array, etag: string, options?: CallOptions): Promise<{ readonly etag: string }>;

  /** Objects whose key starts with `prefix`, sorted by key; sees at least what was written before the call. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo>;

  /**
   * Names of the folders right below `prefix`, which ends with a slash, sorted; what lies in them costs nothing. A folder
   * whose last object was deleted may still be named.
   */
  listFolders(prefix: string, options?: ListFoldersOptions): AsyncIterable<string>;

  /** Removes the object if there is one. */
  delete(key: string, options?: CallOptions): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ListFoldersOptions extends CallOptions {
  /** The first name, or what it begins with: none that sorts before it is listed, or costs anything. */
  readonly from?: string | undefined;
}

/** Bytes, both zero-based. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface StoredObject {
  readonly body: Uint8Array;
  readonly etag: string;
}

export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly etag: string;
  readonly modified: Date;
}
