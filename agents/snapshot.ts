import { basesOf, type Chunk, type EncodedIndex, type ListedRecipe, type Recipe } from '#core/chunk-index.ts';
import { ChunkTable, ListedChunks } from '#core/chunk-table.ts';
import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { freeBytes } from '#core/free-bytes.ts';
import { keys } from '#core/keys.ts';
import { type Artifact, isArtifact, type Manifest } from '#core/manifest.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { encodeSnapshot, type Snapshot } from '#core/snapshot.ts';
import { arrangeIndexes } from './arrange-indexes.ts';
import { BaseSupply } from './base-supply.ts';
import type { OfferedChunk } from './chunk-block.ts';
import type { CutFile, Wish } from './cut-files.ts';
import { Predecessor } from './find-bases.ts';
import type { HashedFile } from './hash-files.ts';
import { eachInParallel, together } from './in-parallel.ts';
import { PackCache } from './pack-cache.ts';
import { createOnce, PackWriter } from './pack-writer.ts';
import type { ReadLarge } from './scan.ts';
import { type RememberedIndex, SnapshotMemory } from './snapshot-memory.ts';
import { TreeChanged } from './walk.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface SnapshotRequest {
  readonly store: ObjectStore;
  readonly root: string;
  readonly stateFolder: string;
  readonly workers: WorkerPool;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
  /**
   * Throws once nobody waits for the snapshot any more. Only until then is nothing removed from the store that was found
   * there: docs/design.md, Prune.
   */
  readonly assertAwaited: () => Promise<void>;
  /** Content looked at so far, of what the store lacked. */
  readonly onProgress?: ((done: { readonly files: number; readonly bytes: number }) => void) | undefined;
  readonly onPlan?: ((total: { readonly files: number; readonly bytes: number }) => void) | undefined;
}

/** What is to be in the store so that any destination can become what the source is. */
export class SnapshotTaking {
  readonly #request: SnapshotRequest;
  readonly #last: () => Promise<Last>;
  readonly #base: () => Promise<Base>;
  /** Of files that were cut before there was a manifest. */
  readonly #early = new Map<Sha256, ListedRecipe>();

  constructor(request: SnapshotRequest) {
    this.#request = request;
    this.#last = once(() => findLast(request));
    this.#base = once(async () => findBase(request, await this.#last()));
  }

  /**
   * Reads a file for a scan, and cuts it in the same pass, where its content is likely to be new. `undefined` where a scan
   * had better hash it first, and where it did not hold still.
   */
  async readLarge(...[file, onBytes]: Parameters<ReadLarge>): Promise<HashedFile | undefined> {
    const { former, snapshot, upload } = await this.#base();
    const before = former.get(file.path);
    const isLikelyNew = snapshot === undefined || (before !== undefined && !isSameAtAGlance(before, file));
    if (!isLikelyNew) return undefined;
    const [cut] = await upload.cut([{ path: file.path, former: before?.sha256 }], onBytes);
    if (cut?.file.kind !== 'cut') return undefined;
    const { sha256, stats } = cut.file;
    this.#early.set(sha256, { sha256, size: Number(stats.size), chunks: cut.chunks });
    return { kind: 'hashed', sha256, stats };
  }

  /**
   * Brings into the store what it lacks of the manifest's content, then the indexes that say where each content lies,
   * and last the snapshot: where that is, all is. Throws TreeChanged when a file is no longer what the manifest says.
   */
  async take(manifest: Manifest): Promise<{ readonly digest: Sha256; readonly bytesUploaded: number }> {
    const { signal, store } = this.#request;
    const { memory, snapshot: last } = await this.#last();
    if (last?.isComplete === true && last.manifest === manifest.summary.manifest) {
      return { digest: last.digest, bytesUploaded: 0 };
    }
    const { former, known, upload } = await this.#base();
    const contents = distinctContents(manifest, former);
    const recipes = new Map<Sha256, Recipe>();
    for (const [sha256, recipe] of known.recipes) if (contents.has(sha256)) recipes.set(sha256, recipe);
    const isMissing = ({ sha256 }: { readonly sha256: Sha256 }) => contents.has(sha256) && !recipes.has(sha256);
    const fresh: Recipe[] = [...this.#early.values()].filter(isMissing);
    for (const recipe of fresh) recipes.set(recipe.sha256, recipe);
    fresh.push(...(await upload.run([...contents.values()].filter(isMissing))));
    for (const recipe of fresh) recipes.set(recipe.sha256, recipe);

    const arranged = arrangeIndexes(recipes, fresh, known.indexes);
    // In any order: only the snapshot leads to either.
    const [packBytes, indexBytes] = await together(upload.finish(), storeIndexes(arranged.fresh, this.#request));
    const snapshot = encodeSnapshot({ manifest: manifest.summary.manifest, indexes: [...arranged.digests] });
    const snapshotBytes = await createOnce(store, keys.snapshot(snapshot.digest), snapshot.bytes, signal);
    // Whether what this counts on was there all the time is certain only now; a snapshot that is not remembered harms nobody.
    await this.#request.assertAwaited();
    await memory.remember({ snapshot, manifest, indexes: arranged.digests, fresh: arranged.fresh });
    return { digest: snapshot.digest, bytesUploaded: packBytes + indexBytes + snapshotBytes };
  }
}

function isSameAtAGlance(one: Glance, other: Glance): boolean {
  return one.size === other.size && one.mtime === other.mtime;
}

type Glance = Pick<Artifact, 'size' | 'mtime'>;

/** Does it at the first call; every call has that outcome. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let outcome: Promise<T> | undefined;
  return () => {
    outcome ??= work();
    return outcome;
  };
}

async function storeIndexes(
  indexes: readonly EncodedIndex[],
  { signal, store }: Pick<SnapshotRequest, 'signal' | 'store'>,
): Promise<number> {
  let written = 0;
  for (const { bytes, digest } of indexes) written += await createOnce(store, keys.index(digest), bytes, signal);
  return written;
}

interface Content {
  readonly sha256: Sha256;
  readonly size: number;
  /** One of the files that hold it. */
  readonly path: string;
  /** What that file held when the last snapshot was taken. */
  readonly former: Sha256 | undefined;
}

function distinctContents(manifest: Manifest, former: ReadonlyMap<string, Artifact>): Map<Sha256, Content> {
  const contents = new Map<Sha256, Content>();
  for (const { path, sha256, size } of manifest.entries.filter(isArtifact)) {
    if (contents.get(sha256)?.former !== undefined) continue;
    contents.set(sha256, { path, sha256, size, former: former.get(path)?.sha256 });
  }
  return contents;
}

interface LastSnapshot extends Snapshot {
  readonly digest: Sha256;
  /** All that it refers to is in the store. */
  readonly isComplete: boolean;
}

interface Last {
  readonly memory: SnapshotMemory;
  readonly snapshot: LastSnapshot | undefined;
}

async function findLast({ signal, stateFolder, store }: SnapshotRequest): Promise<Last> {
  const memory = await SnapshotMemory.open(stateFolder);
  const last = await memory.snapshot();
  if (last === undefined) return { memory, snapshot: undefined };
  // It was written last and is removed first.
  const found = await store.head(keys.snapshot(last.digest), signal === undefined ? {} : { signal });
  return { memory, snapshot: { ...last, isComplete: found !== undefined } };
}

/** What a new snapshot is built upon. */
interface Base extends Last {
  /** What the last one's files held, by path. */
  readonly former: ReadonlyMap<string, Artifact>;
  readonly known: Known;
  readonly upload: Upload;
}

async function findBase(request: SnapshotRequest, { memory, snapshot }: Last): Promise<Base> {
  const entries = snapshot === undefined ? [] : await memory.entries(snapshot);
  const former = new Map(entries.filter(isArtifact).map((entry) => [entry.path as string, entry]));
  const contents = new Set(former.values().map(({ sha256 }) => sha256));
  const known = await findKnown(request, memory, snapshot && { ...snapshot, contents });
  const upload = new Upload(request, { known, memory, cache: await PackCache.open(request.stateFolder) });
  return { memory, snapshot, former, known, upload };
}

interface Known {
  /** In the store; those that new ones can be put before. */
  readonly indexes: readonly RememberedIndex[];
  readonly recipes: ReadonlyMap<Sha256, ListedRecipe>;
  readonly chunks: ChunkTable;
}

/**
 * What is in packs that are in the store: of the last snapshot, and of one that was interrupted. Where the last one is,
 * the contents of its manifest are; what else its indexes list may have been removed.
 */
async function findKnown(
  request: SnapshotRequest,
  memory: SnapshotMemory,
  last: (LastSnapshot & { readonly contents: ReadonlySet<Sha256> }) | undefined,
): Promise<Known> {
  const indexes = (last === undefined ? undefined : await memory.indexes(last)) ?? [];
  const recipes = new Map(indexes.toReversed().flatMap((index) => [...index.recipes]));
  const listed = [...(await memory.uploaded()), ...indexes.map(({ chunks }) => chunks)];
  const isComplete = last?.isComplete === true;
  const there = new Set<Sha256>();
  if (isComplete) for (const content of last.contents) recipes.get(content)?.chunks.addPacksTo(there);
  const named = new Set(listed.flatMap(({ packs }) => packs));
  const found = await findPacks(request, named.difference(there));
  for (const pack of found) there.add(pack);
  const isThere = (chunk: Chunk): boolean => there.has(chunk.pack) && basesOf(chunk).every(isThere);
  if (!named.isSubsetOf(there)) {
    for (const [sha256, { chunks }] of recipes) if (!Iterator.from(chunks).every(isThere)) recipes.delete(sha256);
  }
  const chunks = new ChunkTable();
  for (const table of listed) for (const chunk of table.values()) if (isThere(chunk)) chunks.place(chunk);
  return { indexes: isComplete ? indexes : [], recipes, chunks };
}

async function findPacks({ signal, store }: SnapshotRequest, packs: ReadonlySet<Sha256>): Promise<Set<Sha256>> {
  const there = new Set<Sha256>();
  await eachInParallel(packs, HEADS, async (pack) => {
    if ((await store.head(keys.pack(pack), signal === undefined ? {} : { signal })) !== undefined) there.add(pack);
  });
  return there;
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

class Upload {
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
    await eachInParallel(batches(contents), STREAMS, async (batch) => {
      const found = await this.cut(batch, (bytes) => this.#report(0, bytes));
      for (const [index, { path, sha256, size }] of batch.entries()) {
        const one = found[index];
        if (one?.file.kind !== 'cut' || one.file.sha256 !== sha256) throw new TreeChanged(path);
        cut.push({ sha256, size, chunks: one.chunks });
      }
      this.#report(batch.length, 0);
    });
    await this.#packs.seal();
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
const STREAMS = 2;
const BATCH_FILES = 512;
const BATCH_BYTES = 4 * 1024 * 1024;
