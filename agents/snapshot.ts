import { basesOf, type Chunk, type EncodedIndex, type ListedRecipe, type Recipe } from '#core/chunk-index.ts';
import { ChunkTable } from '#core/chunk-table.ts';
import type { Sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';
import { type Artifact, isArtifact, type Manifest } from '#core/manifest.ts';
import { encodeSnapshot, type Snapshot } from '#core/snapshot.ts';
import { arrangeIndexes } from './arrange-indexes.ts';
import type { HashedFile } from './hash-files.ts';
import { eachInParallel, together } from './in-parallel.ts';
import { PackCache } from './pack-cache.ts';
import { createOnce } from './pack-writer.ts';
import type { ReadLarge } from './scan.ts';
import { SnapshotMemory } from './snapshot-memory.ts';
import type { SnapshotRequest } from './snapshot-request.ts';
import { type Content, type Known, Upload } from './upload.ts';

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

const HEADS = 16;
