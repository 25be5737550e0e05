import { OrderRefused } from '#core/errors.ts';
import type { Manifest } from '#core/manifest.ts';
import { type Profile, profileDigest } from '#core/profile.ts';
import { type Gathered, Harvest, type UnreadFile } from './harvest.ts';
import type { HashedFile } from './hash-files.ts';
import type { StatIndex } from './stat-index.ts';
import { TreeChanged, walk } from './walk.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface ScanRequest {
  /** A folder, absolute and real. */
  readonly root: string;
  readonly profile: Profile;
  readonly workers: WorkerPool;
  /** Saves the reading of files that have not changed; without it every file is read. */
  readonly statIndex?: StatIndex | undefined;
  /** Asked about each large file that travels: whoever reads it anyway says what a scan wants to know, or that he does not. */
  readonly readLarge?: ReadLarge | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: Amount, total: Amount) => void) | undefined;
}

export type ReadLarge = (
  file: Pick<UnreadFile, 'path' | 'size' | 'mtime'>,
  onBytes: (bytes: number) => void,
) => Promise<HashedFile | undefined>;

export interface Amount {
  readonly files: number;
  readonly bytes: number;
}

/**
 * What the folder holds, every file that counts hashed; writes nothing there. Protected files are read in any case. A
 * tree that changes meanwhile is looked at again, a few times. Throws OrderRefused UNREADABLE.
 */
export async function scan(request: ScanRequest): Promise<Manifest> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await scanOnce(request);
    } catch (error) {
      if (!(error instanceof TreeChanged)) throw refusal(request.root, error);
      if (attempt < ATTEMPTS) continue;
      const what = JSON.stringify(error.path);
      throw new OrderRefused(
        'UNREADABLE',
        `${what} in ${request.root} keeps changing while it is read: stop the program that writes it, then try again`,
        { cause: error },
      );
    }
  }
}

async function scanOnce(request: ScanRequest): Promise<Manifest> {
  const { profile, root, signal, statIndex, workers } = request;
  signal?.throwIfAborted();
  const digest = profileDigest(profile);
  const memory = await statIndex?.beginScan(digest);
  const harvest = new Harvest({ profile, profileDigest: digest, memory });
  const hashing = new Hashing(request, harvest);
  const folder = (path: string) => memory?.folder(path) ?? { path };
  try {
    await walk({ root, profile, workers, remembered: memory?.known?.rows, folder, signal }, (walked) =>
      hashing.add(harvest.add(walked)),
    );
  } finally {
    await hashing.finish();
  }
  hashing.assertWell();
  const { manifest, toRemember } = harvest.sumUp();
  if (toRemember !== undefined) await memory?.keep(toRemember);
  return manifest;
}

/**
 * Hands what is too large or too much for the walk to the threads, in batches, while the walk goes on. As many batches
 * as there are threads at a time, the largest first: else one thread would be left with a large one in the end.
 */
class Hashing {
  readonly #request: ScanRequest;
  readonly #harvest: Harvest;
  readonly #waiting: Batch[] = [];
  readonly #running = new Set<Promise<void>>();
  #batch: UnreadFile[] = [];
  #batchBytes = 0;
  readonly #total = { files: 0, bytes: 0 };
  readonly #done = { files: 0, bytes: 0 };
  #failure: { readonly error: unknown } | undefined;

  constructor(request: ScanRequest, harvest: Harvest) {
    this.#request = request;
    this.#harvest = harvest;
  }

  /** Counts a folder's files, and sees to those that have no digest. */
  add({ done, unread }: Gathered): void {
    this.#count(done);
    for (const file of unread) {
      this.#count({ files: 1, bytes: file.size });
      this.#hashLater(file);
    }
    this.#report(done);
  }

  async finish(): Promise<void> {
    this.#send();
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  assertWell(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #count({ bytes, files }: Amount): void {
    this.#total.files += files;
    this.#total.bytes += bytes;
  }

  #hashLater(file: UnreadFile): void {
    if (isLarge(file)) {
      this.#queue({ files: [file], bytes: file.size });
      return;
    }
    this.#batch.push(file);
    this.#batchBytes += file.size;
    if (this.#batch.length >= BATCH_FILES || this.#batchBytes >= BATCH_BYTES) this.#send();
  }

  #send(): void {
    const [files, bytes] = [this.#batch, this.#batchBytes];
    this.#batch = [];
    this.#batchBytes = 0;
    if (files.length > 0) this.#queue({ files, bytes });
  }

  #queue(batch: Batch): void {
    const { bytes } = batch;
    const place = this.#waiting.findIndex((other) => other.bytes > bytes);
    this.#waiting.splice(place === -1 ? this.#waiting.length : place, 0, batch);
    this.#start();
  }

  #start(): void {
    while (this.#running.size < this.#request.workers.size) {
      const batch = this.#waiting.pop();
      if (batch === undefined) return;
      const running = this.#hash(batch.files)
        .catch((error: unknown) => {
          this.#failure ??= { error };
        })
        .then(() => {
          this.#running.delete(running);
          this.#start();
        });
      this.#running.add(running);
    }
  }

  async #hash(batch: readonly UnreadFile[]): Promise<void> {
    if (this.#failure !== undefined) return;
    let early = 0;
    const onPiece = (bytes: number) => {
      early += bytes;
      this.#report({ files: 0, bytes });
    };
    const hashed = (await this.#readLarge(batch, onPiece)) ?? (await this.#run(batch, onPiece));
    for (const [index, file] of batch.entries()) this.#take(file, hashed[index] ?? { kind: 'gone' });
    this.#report({ files: batch.length, bytes: batch.reduce((sum, { size }) => sum + size, 0) - early });
  }

  async #readLarge(
    [file]: readonly UnreadFile[],
    onBytes: (bytes: number) => void,
  ): Promise<readonly HashedFile[] | undefined> {
    if (file === undefined || !isLarge(file) || file.isProtected) return undefined;
    const read = await this.#request.readLarge?.(file, onBytes);
    return read && [read];
  }

  #run(batch: readonly UnreadFile[], onPiece: (bytes: number) => void): Promise<readonly HashedFile[]> {
    const { root, signal, workers } = this.#request;
    return workers.run('hash', { root, paths: batch.map(({ path }) => path) }, { signal, onPiece });
  }

  #take(file: UnreadFile, hashed: HashedFile): void {
    switch (hashed.kind) {
      case 'hashed':
        this.#harvest.addRead(file, hashed);
        return;
      case 'changed':
      case 'gone':
        throw new TreeChanged(file.path);
      case 'unreadable':
        throw new OrderRefused(
          'UNREADABLE',
          `${JSON.stringify(file.path)} in ${this.#request.root} cannot be read: ${hashed.problem}`,
        );
    }
  }

  #report({ bytes, files }: Amount): void {
    this.#done.files += files;
    this.#done.bytes += bytes;
    this.#request.onProgress?.({ ...this.#done }, { ...this.#total });
  }
}

/** Alone in its batch. */
function isLarge({ size }: UnreadFile): boolean {
  return size >= BATCH_BYTES;
}

interface Batch {
  readonly files: readonly UnreadFile[];
  readonly bytes: number;
}

function refusal(root: string, error: unknown): unknown {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) return error;
  const problem = UNREADABLE_WORDS[code] ?? (error as Error).message;
  return new OrderRefused('UNREADABLE', `${path ?? root} cannot be read: ${problem}`, { cause: error });
}

const UNREADABLE_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'the agent has no permission; run it as a user that may read it',
  EPERM: 'the agent has no permission; run it as a user that may read it',
  ENOENT: 'there is no such folder',
  ENOTDIR: 'it is not a folder',
};

const ATTEMPTS = 3;
const BATCH_FILES = 256;
const BATCH_BYTES = 4 * 1024 * 1024;
