import type { Chunk } from '#core/chunk-index.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { StorePrecondition } from '#core/errors.ts';
import { freeBytes } from '#core/free-bytes.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { EncodedChunk } from './cut-files.ts';

/** Creates an object whose name says what is in it: one that is there is the same one. Returns the bytes written. */
export async function createOnce(
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<number> {
  try {
    await store.create(key, bytes, signal === undefined ? {} : { signal });
    return bytes.length;
  } catch (error) {
    if (error instanceof StorePrecondition) return 0;
    throw error;
  }
}

export interface PackEvents {
  /** A chunk has its place, in a pack that may still be on its way. */
  readonly placed: (chunk: Chunk) => void;
  /** A pack is about to be uploaded; after a kill only the store knows whether it was. */
  readonly uploading: (chunks: readonly Chunk[]) => Promise<void>;
  /** It is in the store. The bytes are lent until the promise settles. */
  readonly uploaded: (pack: Sha256, bytes: Uint8Array) => Promise<void>;
}

/** Fills packs with chunks and uploads them, a few at a time; `add` waits while too many are on their way. */
export class PackWriter {
  readonly #store: ObjectStore;
  readonly #signal: AbortSignal | undefined;
  readonly #uploads = new Set<Promise<void>>();
  readonly #events: PackEvents;
  readonly #spare: Buffer[] = [];
  #open: OpenPack | undefined;
  #packBytes = FIRST_PACK_BYTES;
  #failure: { readonly error: unknown } | undefined;
  #bytesUploaded = 0;

  constructor(store: ObjectStore, events: PackEvents, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#events = events;
    this.#signal = signal;
  }

  get bytesUploaded(): number {
    return this.#bytesUploaded;
  }

  /** Takes a copy; the bytes are the caller's again when the promise has settled. */
  async add(chunks: readonly EncodedChunk[], bytes: Uint8Array): Promise<void> {
    let offset = 0;
    for (const chunk of chunks) {
      let pack = this.#packFor(chunk.length);
      // Another caller may open one, and fill it, during the wait.
      for (; pack === undefined; pack = this.#packFor(chunk.length)) await Promise.race(this.#uploads);
      pack.bytes.set(bytes.subarray(offset, offset + chunk.length), pack.used);
      pack.chunks.push(chunk);
      pack.used += chunk.length;
      offset += chunk.length;
    }
  }

  /** After it, every chunk has its place, in packs that may still be on their way. */
  seal(): void {
    if (this.#open !== undefined) this.#close(this.#open);
  }

  /** Resolves when every pack is in the store. */
  async finish(): Promise<void> {
    this.seal();
    await Promise.all(this.#uploads);
    for (const buffer of this.#spare) freeBytes(buffer);
    this.#assertWell();
  }

  /** `undefined` while too many are on their way. */
  #packFor(length: number): OpenPack | undefined {
    this.#assertWell();
    if (this.#open !== undefined && this.#open.used + length > this.#packBytes) this.#close(this.#open);
    if (this.#open === undefined && this.#uploads.size < UPLOADS)
      this.#open = { bytes: this.#takeBuffer(length), chunks: [], used: 0 };
    return this.#open;
  }

  #takeBuffer(length: number): Buffer {
    if (length > PACK_BYTES) return Buffer.allocUnsafeSlow(length);
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(PACK_BYTES);
  }

  #close({ bytes, chunks, used }: OpenPack): void {
    this.#open = undefined;
    this.#packBytes = Math.min(2 * this.#packBytes, PACK_BYTES);
    const pack = bytes.subarray(0, used);
    const digest = sha256(pack);
    const placed = placeIn(digest, chunks);
    for (const chunk of placed) this.#events.placed(chunk);
    const upload: Promise<void> = this.#upload(digest, pack, placed).finally(() => {
      this.#uploads.delete(upload);
      this.#spare.push(bytes);
    });
    this.#uploads.add(upload);
  }

  async #upload(digest: Sha256, pack: Uint8Array, chunks: readonly Chunk[]): Promise<void> {
    try {
      await this.#events.uploading(chunks);
      const written = await createOnce(this.#store, keys.pack(digest), pack, this.#signal);
      this.#bytesUploaded += written;
      await this.#events.uploaded(digest, pack);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #assertWell(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function placeIn(pack: Sha256, chunks: readonly EncodedChunk[]): Chunk[] {
  let offset = 0;
  return chunks.map(({ bases, encoding, length, sha256: digest, size }) => {
    const place = { pack, offset, length, size, sha256: digest };
    offset += length;
    return encoding === 'zstd-dict' ? { ...place, encoding, bases } : { ...place, encoding };
  });
}

interface OpenPack {
  readonly bytes: Buffer;
  readonly chunks: EncodedChunk[];
  used: number;
}

const PACK_BYTES = 8 * 1024 * 1024;
/** The next one takes twice as much, until they are full: the line has something to carry while the rest is cut. */
const FIRST_PACK_BYTES = 2.5 * 1024 * 1024;
/** One more is filled beside them. */
const UPLOADS = 2;
