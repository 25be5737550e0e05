import { setImmediate } from 'node:timers/promises';
import { OrderRefused } from '#core/errors.ts';
import { createManifest, type Manifest, type ManifestEntry } from '#core/manifest.ts';
import { classifier, isProtectedClass, type Profile, profileDigest } from '#core/profile.ts';
import type { HashedFile } from './hash-files.ts';
import { type FoundFile, TreeChanged, walk } from './walk.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface ScanRequest {
  /** A folder, absolute and real. */
  readonly root: string;
  readonly profile: Profile;
  readonly workers: WorkerPool;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: Amount, total: Amount) => void) | undefined;
}

export interface Amount {
  readonly files: number;
  readonly bytes: number;
}

/**
 * What the folder holds, every file that counts hashed; writes nothing. A tree that changes meanwhile is looked at
 * again, a few times. Throws OrderRefused UNREADABLE.
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
  const hashing = new Hashing(request, (file, hashed) => entries.push(entryOf(request.root, file, hashed)));
  let seen = 0;
  try {
    for (const found of walk(request.root, classifier(request.profile))) {
      if (found.kind === 'file') hashing.add(found);
      else entries.push(found);
      if (++seen % PAUSE_EVERY === 0) await setImmediate();
      request.signal?.throwIfAborted();
    }
  } finally {
    await hashing.finish();
  }
  hashing.assertWell();
  return entries;
}

/** Hands files to the threads in batches while the walk goes on. */
class Hashing {
  readonly #request: ScanRequest;
  readonly #take: (file: FoundFile, hashed: HashedFile) => void;
  readonly #running: Promise<void>[] = [];
  #batch: FoundFile[] = [];
  #batchBytes = 0;
  #total = { files: 0, bytes: 0 };
  #done = { files: 0, bytes: 0 };
  #failure: { readonly error: unknown } | undefined;

  constructor(request: ScanRequest, take: (file: FoundFile, hashed: HashedFile) => void) {
    this.#request = request;
    this.#take = take;
  }

  add(file: FoundFile): void {
    this.#batch.push(file);
    this.#batchBytes += file.size;
    this.#total = { files: this.#total.files + 1, bytes: this.#total.bytes + file.size };
    if (this.#batch.length >= BATCH_FILES || this.#batchBytes >= BATCH_BYTES) this.#send();
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
    const hashed = await workers.run('hash', { root, paths: batch.map(({ path }) => path) }, { signal, onPiece });
    for (const [index, file] of batch.entries()) this.#take(file, hashed[index] ?? { kind: 'gone' });
    this.#report(batch.length, batch.reduce((sum, { size }) => sum + size, 0) - early);
  }

  #report(files: number, bytes: number): void {
    this.#done = { files: this.#done.files + files, bytes: this.#done.bytes + bytes };
    this.#request.onProgress?.(this.#done, this.#total);
  }
}

function entryOf(root: string, file: FoundFile, hashed: HashedFile): ManifestEntry {
  switch (hashed.kind) {
    case 'hashed': {
      const { mode, mtime, sha256, size } = hashed;
      const kind = isProtectedClass(file.class) ? 'protected' : 'artifact';
      return { kind, class: file.class, mode, mtime, path: file.path, sha256, size };
    }
    case 'changed':
    case 'gone':
      throw new TreeChanged(file.path);
    case 'unreadable':
      throw new OrderRefused('UNREADABLE', `${JSON.stringify(file.path)} in ${root} cannot be read: ${hashed.problem}`);
  }
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
