import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { isArtifact, type Manifest } from '#core/manifest.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type Chunk, encodeSnapshot, type Recipe } from '#core/snapshot.ts';
import type { CutFile, OfferedChunk } from './cut-files.ts';
import { freeBytes } from './free-bytes.ts';
import { eachInParallel } from './in-parallel.ts';
import { createOnce, PackWriter } from './pack-writer.ts';
import { recallSnapshot, rememberSnapshot } from './snapshot-memory.ts';
import { TreeChanged } from './walk.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface SnapshotRequest {
  readonly store: ObjectStore;
  readonly root: string;
  readonly manifest: Manifest;
  readonly stateFolder: string;
  readonly workers: WorkerPool;
  readonly signal?: AbortSignal | undefined;
  /** Content looked at so far, of what the store lacked. */
  readonly onProgress?: ((done: { readonly files: number; readonly bytes: number }) => void) | undefined;
  readonly onPlan?: ((total: { readonly files: number; readonly bytes: number }) => void) | undefined;
}

export type EncodedSnapshot = ReturnType<typeof encodeSnapshot>;

/**
 * Brings into the store what it lacks of the manifest's content, then the index that says where each content lies.
 * Throws TreeChanged when a file is no longer what the manifest says.
 */
export async function takeSnapshot(
  request: SnapshotRequest,
): Promise<{ readonly digest: Sha256; readonly bytesUploaded: number }> {
  const contents = distinctContents(request.manifest);
  const known = await findKnown(request);
  const recipes = new Map<Sha256, Recipe>();
  for (const recipe of known.recipes) if (contents.has(recipe.sha256)) recipes.set(recipe.sha256, recipe);
  const missing = [...contents.values()].filter(({ sha256 }) => !recipes.has(sha256));
  const upload = new Upload(request, known.chunks);
  for (const recipe of await upload.run(missing)) recipes.set(recipe.sha256, recipe);

  const snapshot = encodeSnapshot({ manifest: request.manifest.summary.manifest, recipes });
  const indexBytes = await createOnce(request.store, keys.snapshot(snapshot.digest), snapshot.bytes, request.signal);
  await rememberSnapshot(request.stateFolder, snapshot);
  return { digest: snapshot.digest, bytesUploaded: upload.bytesUploaded + indexBytes };
}

interface Content {
  readonly sha256: Sha256;
  readonly size: number;
  /** One of the files that hold it. */
  readonly path: string;
}

function distinctContents(manifest: Manifest): Map<Sha256, Content> {
  return new Map(manifest.entries.filter(isArtifact).map(({ path, sha256, size }) => [sha256, { path, sha256, size }]));
}

/** What the last snapshot put into packs that are still in the store. */
async function findKnown(
  request: SnapshotRequest,
): Promise<{ readonly recipes: readonly Recipe[]; readonly chunks: Map<Sha256, Chunk> }> {
  const last = await recallSnapshot(request.stateFolder);
  const recipes = last === undefined ? [] : [...last.recipes.values()];
  const packs = [...new Set(recipes.flatMap((recipe) => recipe.chunks.map(({ pack }) => pack)))];
  const there = new Set<Sha256>();
  const options = request.signal === undefined ? {} : { signal: request.signal };
  await eachInParallel(packs, HEADS, async (pack) => {
    if ((await request.store.head(keys.pack(pack), options)) !== undefined) there.add(pack);
  });
  const chunks = recipes.flatMap((recipe) => recipe.chunks).filter(({ pack }) => there.has(pack));
  return {
    recipes: recipes.filter((recipe) => recipe.chunks.every(({ pack }) => there.has(pack))),
    chunks: new Map(chunks.map((chunk) => [chunk.sha256, chunk])),
  };
}

class Upload {
  readonly #request: SnapshotRequest;
  readonly #packs: PackWriter;
  readonly #chunks: Map<Sha256, Chunk>;
  /** In a pack, or on the way into one. */
  readonly #claimed: Set<Sha256>;
  #done = { files: 0, bytes: 0 };

  constructor(request: SnapshotRequest, known: Map<Sha256, Chunk>) {
    this.#request = request;
    this.#chunks = known;
    this.#claimed = new Set(known.keys());
    this.#packs = new PackWriter(request.store, (chunk) => this.#chunks.set(chunk.sha256, chunk), request.signal);
  }

  get bytesUploaded(): number {
    return this.#packs.bytesUploaded;
  }

  async run(contents: readonly Content[]): Promise<Recipe[]> {
    this.#request.onPlan?.({ files: contents.length, bytes: contents.reduce((sum, { size }) => sum + size, 0) });
    const cut: { readonly content: Content; readonly chunks: readonly Sha256[] }[] = [];
    await eachInParallel(batches(contents), STREAMS, async (batch) => {
      const files = await this.#cut(batch);
      for (const [index, content] of batch.entries()) {
        const file = files[index];
        if (file?.kind !== 'cut') throw new TreeChanged(content.path);
        cut.push({ content, chunks: file.chunks });
      }
    });
    await this.#packs.finish();
    return cut.map(({ content, chunks }) => ({
      sha256: content.sha256,
      size: content.size,
      chunks: chunks.map((chunk) => this.#placeOf(chunk)),
    }));
  }

  async #cut(batch: readonly Content[]): Promise<CutFile[]> {
    const { root, signal, workers } = this.#request;
    const conversation = await workers.open('cut', {
      root,
      files: batch.map(({ path, sha256 }) => ({ path, sha256 })),
    });
    try {
      for (let reply: unknown; ; ) {
        signal?.throwIfAborted();
        const step = await conversation.next(reply);
        reply = undefined;
        if (step.done === true) {
          this.#report(batch.length, 0);
          return step.value;
        }
        if (step.value.kind === 'offer') {
          reply = this.#choose(step.value.chunks);
        } else {
          await this.#packs.add(step.value.chunks, step.value.bytes);
          freeBytes(step.value.bytes);
        }
      }
    } catch (error) {
      throw signal?.aborted === true ? error : unreadable(error, root);
    } finally {
      conversation.close();
    }
  }

  #choose(offered: readonly OfferedChunk[]): boolean[] {
    this.#report(
      0,
      offered.reduce((sum, { size }) => sum + size, 0),
    );
    return offered.map(({ sha256 }) => {
      const isNew = !this.#claimed.has(sha256);
      this.#claimed.add(sha256);
      return isNew;
    });
  }

  #placeOf(chunk: Sha256): Chunk {
    const place = this.#chunks.get(chunk);
    if (place === undefined) throw new Error(`chunk ${chunk} was cut but not packed`);
    return place;
  }

  #report(files: number, bytes: number): void {
    this.#done = { files: this.#done.files + files, bytes: this.#done.bytes + bytes };
    this.#request.onProgress?.(this.#done);
  }
}

/** Small files in company, a large one alone. */
function* batches(contents: readonly Content[]): Generator<Content[]> {
  let batch: Content[] = [];
  let bytes = 0;
  for (const content of contents) {
    batch.push(content);
    bytes += content.size;
    if (bytes < BATCH_BYTES && batch.length < BATCH_FILES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

function unreadable(error: unknown, root: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return error;
  return new OrderRefused('UNREADABLE', `a file in ${root} cannot be read: ${(error as Error).message}`, {
    cause: error,
  });
}

const HEADS = 16;
const STREAMS = 4;
const BATCH_FILES = 512;
const BATCH_BYTES = 4 * 1024 * 1024;
