import type { Chunk, ListedRecipe, Recipe } from '#core/chunk-index.ts';
import { type ChunkTable, ListedChunks } from '#core/chunk-table.ts';
import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { freeBytes } from '#core/free-bytes.ts';
import { BaseSupply } from './base-supply.ts';
import type { OfferedChunk } from './chunk-block.ts';
import type { CutFile, Wish } from './cut-files.ts';
import { Predecessor } from './find-bases.ts';
import { type BatchLimits, inBatches } from './in-batches.ts';
import { eachInParallel } from './in-parallel.ts';
import type { PackCache } from './pack-cache.ts';
import { PackWriter } from './pack-writer.ts';
import type { RememberedIndex, SnapshotMemory } from './snapshot-memory.ts';
import type { SnapshotRequest } from './snapshot-request.ts';
import { TreeChanged } from './walk.ts';

export interface Content {
  readonly sha256: Sha256;
  readonly size: number;
  /** One of the files that hold it. */
  readonly path: string;
  /** What that file held when the last snapshot was taken. */
  readonly former: Sha256 | undefined;
}

export interface Known {
  /** In the store; those that new ones can be put before. */
  readonly indexes: readonly RememberedIndex[];
  readonly recipes: ReadonlyMap<Sha256, ListedRecipe>;
  readonly chunks: ChunkTable;
}

interface FileAtWork {
  readonly chunks: ListedChunks;
  readonly predecessor: Predecessor | undefined;
}

interface CutContent {
  readonly file: CutFile;
  readonly chunks: ListedChunks;
}

interface UploadMeans {
  readonly known: Known;
  readonly memory: SnapshotMemory;
  readonly cache: PackCache;
}

/** Cuts files, and brings into the store, in packs, the chunks that it lacks. */
export class Upload {
  readonly #request: SnapshotRequest;
  readonly #packs: PackWriter;
  readonly #supply: BaseSupply;
  readonly #cache: PackCache;
  /** In a pack, or, without a place, on the way into one. */
  readonly #chunks: ChunkTable;
  readonly #recipes: ReadonlyMap<Sha256, ListedRecipe>;
  #done = { files: 0, bytes: 0 };

  constructor(request: SnapshotRequest, { cache, known: { chunks, recipes }, memory }: UploadMeans) {
    this.#request = request;
    this.#cache = cache;
    this.#chunks = chunks;
    this.#recipes = recipes;
    this.#supply = new BaseSupply(request.store, cache, request.signal);
    const events = {
      placed: (chunk: Chunk) => this.#chunks.place(chunk),
      uploading: (placed: readonly Chunk[]) => memory.rememberUpload(placed),
      uploaded: (pack: Sha256, bytes: Uint8Array) => cache.add(pack, bytes),
    };
    this.#packs = new PackWriter(request.store, events, request.signal);
  }

  /** Resolves when all is cut and has its place, in packs that may still be on their way. */
  async run(contents: readonly Content[]): Promise<Recipe[]> {
    this.#request.onPlan?.({ files: contents.length, bytes: contents.reduce((sum, { size }) => sum + size, 0) });
    const cut: Recipe[] = [];
    await eachInParallel(inBatches(contents, BATCH), STREAMS, async (batch) => {
      const found = await this.cut(batch, (bytes) => this.#report(0, bytes));
      for (const [index, { path, sha256, size }] of batch.entries()) {
        const one = found[index];
        if (one?.file.kind !== 'cut' || one.file.sha256 !== sha256) throw new TreeChanged(path);
        cut.push({ sha256, size, chunks: one.chunks });
      }
      this.#report(batch.length, 0);
    });
    this.#packs.seal();
    return cut;
  }

  /** Resolves when every pack is in the store, and says how many bytes that took. */
  async finish(): Promise<number> {
    await this.#packs.finish();
    await this.#cache.trim(this.#supply.used, this.#request.now());
    return this.#packs.bytesUploaded;
  }

  /** One outcome per file. Whatever it is, all chunks that were found are in packs, or on their way there. */
  async cut(
    contents: readonly Pick<Content, 'path' | 'former'>[],
    onBytes: (bytes: number) => void,
  ): Promise<CutContent[]> {
    const { root, signal, workers } = this.#request;
    const conversation = await workers.open('cut', { root, files: contents.map(({ path }) => ({ path })) });
    const files = contents.map(({ former }) => ({
      chunks: new ListedChunks(this.#chunks),
      predecessor: this.#predecessor(former),
    }));
    try {
      for (let reply: unknown; ; ) {
        signal?.throwIfAborted();
        const step = await conversation.next(reply);
        reply = undefined;
        if (step.done === true) {
          const cut = step.value;
          return files.map(({ chunks }, index) => ({ chunks, file: cut[index] ?? { kind: 'changed' } }));
        }
        if (step.value.kind === 'offer') {
          reply = await this.#choose(step.value.chunks, files);
          onBytes(step.value.chunks.reduce((sum, { size }) => sum + size, 0));
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

  #predecessor(former: Sha256 | undefined): Predecessor | undefined {
    const recipe = former === undefined ? undefined : this.#recipes.get(former);
    return recipe === undefined ? undefined : new Predecessor(recipe);
  }

  async #choose(offered: readonly OfferedChunk[], files: readonly FileAtWork[]): Promise<Wish[]> {
    const isNew = offered.map(({ file, sha256 }) => {
      const before = this.#chunks.size;
      const number = this.#chunks.add(sha256);
      files[file]?.chunks.push(number);
      return number === before;
    });
    const bases = [...Map.groupBy(offered, ({ file }) => file)].flatMap(
      ([file, chunks]) => files[file]?.predecessor?.follow(chunks) ?? chunks.map(() => []),
    );
    const wanted = bases.map((found, index) => (isNew[index] === true ? found : []));
    const kept = await this.#supply.provide(wanted);
    return kept.map((found, index) => (isNew[index] === true ? { bases: found } : 'not-wanted'));
  }

  #report(files: number, bytes: number): void {
    this.#done = { files: this.#done.files + files, bytes: this.#done.bytes + bytes };
    this.#request.onProgress?.(this.#done);
  }
}

function unreadable(error: unknown, root: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return error;
  return new OrderRefused('UNREADABLE', `a file in ${root} cannot be read: ${(error as Error).message}`, {
    cause: error,
  });
}

const STREAMS = 2;
const BATCH: BatchLimits<Content> = { bytes: 4 * 1024 * 1024, items: 512, sizeOf: ({ size }) => size };
