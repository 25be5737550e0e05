import { setImmediate } from 'node:timers/promises';
import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { createManifest, type Manifest, type ManifestEntry } from '#core/manifest.ts';
import { classifier, isProtectedClass, type Profile, profileDigest } from '#core/profile.ts';
import { STAMP_FIELDS, writeStamp } from './file-stats.ts';
import type { HashedFile } from './hash-files.ts';
import type { StatIndex } from './stat-index.ts';
import { type FoundFile, TreeChanged, walk } from './walk.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface ScanRequest {
  /** A folder, absolute and real. */
  readonly root: string;
  readonly profile: Profile;
  readonly workers: WorkerPool;
  /** Saves the reading of files that have not changed; without it every file is read. */
  readonly statIndex?: StatIndex | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: Amount, total: Amount) => void) | undefined;
}

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
      return createManifest(profileDigest(request.profile), await scanOnce(request));
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

async function scanOnce(request: ScanRequest): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  const memory = await request.statIndex?.beginScan();
  const take = (file: FoundFile, sha256: Sha256) => {
    entries.push(entryOf(file, sha256));
    if (!isProtectedClass(file.class)) memory?.add(file, sha256);
  };
  const hashing = new Hashing(request, take);
  let seen = 0;
  try {
    for (const found of walk(request.root, classifier(request.profile))) {
      if (found.kind !== 'file') {
        entries.push(found);
      } else {
        const known = isProtectedClass(found.class) ? undefined : memory?.find(found);
        if (known === undefined) {
          hashing.add(found);
        } else {
          hashing.skip(found);
          take(found, known);
        }
      }
      if (++seen % PAUSE_EVERY === 0) await setImmediate();
      request.signal?.throwIfAborted();
    }
  } finally {
    await hashing.finish();
  }
  hashing.assertWell();
  await memory?.keep();
  return entries;
}

/** Hands files to the threads in batches while the walk goes on. */
class Hashing {
  readonly #request: ScanRequest;
  readonly #take: (file: FoundFile, sha256: Sha256) => void;
  readonly #running: Promise<void>[] = [];
  #batch: FoundFile[] = [];
  #batchBytes = 0;
  readonly #total = { files: 0, bytes: 0 };
  readonly #done = { files: 0, bytes: 0 };
  #failure: { readonly error: unknown } | undefined;

  constructor(request: ScanRequest, take: (file: FoundFile, sha256: Sha256) => void) {
    this.#request = request;
    this.#take = take;
  }

  add(file: FoundFile): void {
    const size = Number(file.stats.size);
    this.#batch.push(file);
    this.#batchBytes += size;
    this.#total.files++;
    this.#total.bytes += size;
    if (this.#batch.length >= BATCH_FILES || this.#batchBytes >= BATCH_BYTES) this.#send();
  }

  /** Counts a file whose digest is known. */
  skip(file: FoundFile): void {
    const size = Number(file.stats.size);
    this.#total.files++;
    this.#total.bytes += size;
    this.#done.files++;
    this.#done.bytes += size;
  }

  async finish(): Promise<void> {
    this.#send();
    await Promise.all(this.#running);
  }

  assertWell(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #send(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 0) return;
    this.#running.push(
      this.#hash(batch).catch((error: unknown) => {
        this.#failure ??= { error };
      }),
    );
  }

  async #hash(batch: readonly FoundFile[]): Promise<void> {
    if (this.#failure !== undefined) return;
    const { root, signal, workers } = this.#request;
    let early = 0;
    const onPiece = (bytes: number) => {
      early += bytes;
      this.#report(0, bytes);
    };
    const paths = batch.map(({ path }) => path);
    const hashed = await workers.run('hash', { root, paths, stamps: stampsOf(batch) }, { signal, onPiece });
    for (const [index, file] of batch.entries()) this.#takeHashed(file, hashed[index] ?? { kind: 'gone' });
    this.#report(batch.length, batch.reduce((sum, { stats }) => sum + Number(stats.size), 0) - early);
  }

  #takeHashed(file: FoundFile, hashed: HashedFile): void {
    if (typeof hashed === 'string') {
      this.#take(file, hashed);
      return;
    }
    switch (hashed.kind) {
      case 'hashed':
        this.#take({ ...file, stats: hashed.stats }, hashed.sha256);
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

  #report(files: number, bytes: number): void {
    this.#done.files += files;
    this.#done.bytes += bytes;
    this.#request.onProgress?.({ ...this.#done }, { ...this.#total });
  }
}

function stampsOf(files: readonly FoundFile[]): BigInt64Array {
  const stamps = new BigInt64Array(files.length * STAMP_FIELDS);
  for (const [index, { stats }] of files.entries()) writeStamp(stamps, index, stats);
  return stamps;
}

function entryOf({ class: artifactClass, path, stats }: FoundFile, sha256: Sha256): ManifestEntry {
  return {
    kind: isProtectedClass(artifactClass) ? 'protected' : 'artifact',
    class: artifactClass,
    mode: process.platform === 'win32' ? null : Number(stats.mode & 0o7777n),
    mtime: Math.floor(Number(stats.mtimeNs / 1000n) / 1000),
    path,
    sha256,
    size: Number(stats.size),
  };
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
const PAUSE_EVERY = 1000;
const BATCH_FILES = 256;
const BATCH_BYTES = 4 * 1024 * 1024;
