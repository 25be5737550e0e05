import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { syncFolder } from '#adapters/durable-file.ts';
import type { Index, Recipe } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';
import { OrderRefused } from '#core/errors.ts';
import { isArtifact, type Manifest } from '#core/manifest.ts';
import { bringsContent, type ContentOperation, type Operation } from '#core/plan.ts';
import type { Snapshot } from '#core/snapshot.ts';
import { takeStaged } from './carry-over.ts';
import { fetchContents } from './fetch.ts';
import { findEntry, findThere } from './find-entry.ts';
import { findOwnChunks, findSeeds } from './find-own-chunks.ts';
import { type BatchLimits, inBatches } from './in-batches.ts';
import { eachInParallel } from './in-parallel.ts';
import type { Work } from './obey.ts';
import { listPreImages, type PreImages, preImageOf } from './pre-images.ts';
import { assertSpace, type Site } from './preflight.ts';
import type { Dress, FileToSeal } from './seal-files.ts';
import { isWorthOneSync, syncFileSystem } from './sync-file-system.ts';
import { rangeBytes } from './throttled-store.ts';
import type { WorkFolder } from './work-folder.ts';

export interface Staging extends Pick<Work, 'context' | 'progress' | 'signal'> {
  readonly work: WorkFolder;
  readonly operations: readonly Operation[];
  readonly site: Site;
  /** What the destination holds: its own files are the nearest source. */
  readonly manifest: Manifest;
  /** `undefined` for a rollback: it puts back what was kept here. */
  readonly contents: StoredContents | undefined;
}

/** Fetched only when something is missing here. */
export interface StoredContents {
  readonly snapshotKey: string;
  readonly loadSnapshot: () => Promise<Snapshot>;
  readonly loadIndex: (digest: Sha256) => Promise<Index>;
}

/**
 * Brings all new content into the work folder, verified and durable: what an interrupted run has left there, copies of
 * the server's own files, and only then the store, or for a rollback what was kept here. Nothing outside the work folder
 * is touched.
 */
export async function stage(staging: Staging): Promise<void> {
  const { context, operations, work } = staging;
  const isSyncedLater = await isWorthOneSync(context.root, operations.filter(bringsContent).length);
  const wanted = [...operations.entries()].flatMap(([number, operation]) =>
    bringsContent(operation) ? [{ ...toSeal(staging, number, operation), isSyncedLater }] : [],
  );
  staging.progress.enter('staging', { files: wanted.length, bytes: wanted.reduce((sum, { size }) => sum + size, 0) });
  await takeStaged(context.root, work, wanted);
  const there = findThere(wanted.map(({ path }) => path));
  const mayBeThere = wanted.filter(({ path, size }) => size === 0 || there.has(path));
  let missing = await sealAll(staging, mayBeThere, wanted);
  await assertSpace(context.root, missing);
  missing = await sealAll(staging, missing.flatMap(copiesOfOwn(staging)), missing);
  if (staging.contents === undefined) await stageKept(staging, missing);
  else await stageFetched(staging, staging.contents, missing);
  if (isSyncedLater) await syncAll(staging, wanted);
  await syncFolder(`${work.path}/new`);
}

async function syncAll(staging: Staging, wanted: readonly FileToSeal[]): Promise<void> {
  if (await syncFileSystem(staging.context.root)) return;
  await sealOrRefuse(
    staging,
    wanted.map((file) => ({ ...file, isSyncedLater: false })),
  );
}

async function stageFetched(staging: Staging, contents: StoredContents, missing: readonly FileToSeal[]): Promise<void> {
  const [firsts, duplicates] = splitByContent(missing);
  const dressed = await fetchMissing(staging, contents, { firsts, duplicates });
  await sealOrRefuse(
    staging,
    firsts.filter(({ path }) => !dressed.has(path)),
  );
  await sealOrRefuse(staging, duplicates);
}

/** Of the newest apply first; what is damaged there may be whole in another. */
async function stageKept(staging: Staging, wanted: readonly FileToSeal[]): Promise<void> {
  let missing = [...wanted];
  for (const preImages of listPreImages(staging.context.root)) {
    if (missing.length === 0) return;
    missing = await sealAll(staging, missing.flatMap(copiesOfKept(preImages)), missing);
  }
  const [first] = missing;
  if (first === undefined) return;
  const number = Number(basename(first.path).split('.')[0]);
  throw new OrderRefused(
    'NO_PRE_IMAGES',
    `${missing.length} of the old files are not kept here any more, or not as they were, ${JSON.stringify(staging.operations[number]?.path)} first; nothing was changed: bring them by a sync from a server that has them`,
  );
}

function copiesOfKept(preImages: PreImages): (file: FileToSeal) => FileToSeal[] {
  return (file) => {
    const copyOf = preImageOf(preImages, file.sha256);
    const kept = findEntry(copyOf);
    if (kept?.isFile() !== true) return [];
    const { gid, uid } = kept;
    // What is made anew is to belong to whom it belonged before.
    return [{ ...file, copyOf, owner: file.owner ?? { uid, gid } }];
  };
}

function toSeal({ site, work }: Staging, number: number, operation: ContentOperation): FileToSeal {
  const { mtime, sha256, size } = operation;
  const former = site.formerFiles.get(number);
  return {
    path: work.fresh(number, sha256),
    sha256,
    size,
    mtime,
    // A source without modes leaves the destination's as they are.
    mode: operation.mode ?? former?.mode ?? DEFAULT_MODE,
    ...(former === undefined ? {} : { owner: { uid: former.uid, gid: former.gid } }),
  };
}

function copiesOfOwn({ context, manifest }: Staging): (file: FileToSeal) => FileToSeal[] {
  const own = new Map<Sha256, string>(manifest.entries.filter(isArtifact).map(({ path, sha256 }) => [sha256, path]));
  return (file) => {
    const path = own.get(file.sha256);
    return path === undefined ? [] : [{ ...file, copyOf: `${context.root}/${path}` }];
  };
}

/** The first file of each content, and the others as copies of it. */
function splitByContent(files: readonly FileToSeal[]): readonly [readonly FileToSeal[], readonly FileToSeal[]] {
  const firsts = new Map<Sha256, FileToSeal>();
  const duplicates: FileToSeal[] = [];
  for (const file of files) {
    const first = firsts.get(file.sha256);
    if (first === undefined) firsts.set(file.sha256, file);
    else duplicates.push({ ...file, copyOf: first.path });
  }
  return [[...firsts.values()], duplicates];
}

/** Answers with the paths of files that need no sealing. */
async function fetchMissing(
  staging: Staging,
  contents: StoredContents,
  { duplicates, firsts: files }: { readonly firsts: readonly FileToSeal[]; readonly duplicates: readonly FileToSeal[] },
): Promise<ReadonlySet<string>> {
  const { context, progress, signal, work } = staging;
  if (files.length === 0) return new Set();
  const recipes = await findRecipes(contents, files);
  const wanted = [...recipes.values()];
  await assertSpace(context.root, [...files, ...duplicates]);
  progress.enter('fetching', { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) });
  const dressed = await fetchContents({
    ...context,
    signal,
    files: files.map((file) => ({
      path: file.path,
      recipe: recipeOf(recipes, file.sha256, file.size),
      // Others may be made from what is in it.
      ...((file.mode & OWNER_READS) !== 0 && { dress: dressOf(file) }),
    })),
    snapshotKey: contents.snapshotKey,
    scratch: work.bases,
    own: findOwnChunks(staging, wanted),
    seeds: findSeeds(staging, wanted),
    assertSpaceFor: (size) => assertSpace(context.root, [...files, ...duplicates, { path: work.bases, size }]),
    rangeBytes: () => rangeBytes(context.bytesPerSecond?.()),
    onProgress: ({ written }) => progress.add({ bytes: written }),
  });
  await rm(work.bases, { force: true });
  progress.enter('staging', { files: files.length - dressed.size, bytes: 0 });
  return dressed;
}

function dressOf({ isSyncedLater = false, mode, mtime, owner }: FileToSeal): Dress {
  return { isSyncedLater, mode, mtime, ...(owner !== undefined && { owner }) };
}

/** Reads no more indexes than it needs: what is new is in the first. */
async function findRecipes(
  { loadIndex, loadSnapshot }: StoredContents,
  files: readonly FileToSeal[],
): Promise<Map<Sha256, Recipe>> {
  const recipes = new Map<Sha256, Recipe>();
  const { indexes } = await loadSnapshot();
  for (const digest of indexes) {
    const lacking = files.filter(({ sha256 }) => !recipes.has(sha256));
    if (lacking.length === 0) break;
    const index = await loadIndex(digest);
    for (const { sha256 } of lacking) {
      const recipe = index.recipes.get(sha256);
      if (recipe !== undefined) recipes.set(sha256, recipe);
    }
  }
  return recipes;
}

function recipeOf(recipes: ReadonlyMap<Sha256, Recipe>, sha256: Sha256, size: number): Recipe {
  const recipe = recipes.get(sha256);
  if (recipe === undefined || recipe.size !== size) {
    throw new OrderRefused(
      'WRONG_PLAN',
      `the source's snapshot does not hold the content ${sha256} of the plan; start a new sync`,
    );
  }
  return recipe;
}

async function sealOrRefuse(staging: Staging, files: readonly FileToSeal[]): Promise<void> {
  const [bad] = await sealAll(staging, files);
  if (bad === undefined) return;
  throw new OrderRefused(
    'UNREADABLE',
    `the staged file ${bad.path} does not have the digest ${bad.sha256}; check this server's disk and memory, then start a new sync`,
  );
}

/** Those of `all` that are not, or not wholly, there. */
async function sealAll(
  { context, progress, signal }: Staging,
  files: readonly FileToSeal[],
  all: readonly FileToSeal[] = files,
): Promise<FileToSeal[]> {
  const sealed = new Set<string>();
  await eachInParallel(inBatches(files, BATCH), PARALLEL, async (batch) => {
    const good = await context.workers.run('seal', { files: batch }, { signal });
    for (const [index, file] of batch.entries()) if (good[index] === true) sealed.add(file.path);
    progress.add({ files: good.filter(Boolean).length });
  });
  return all.filter(({ path }) => !sealed.has(path));
}

const DEFAULT_MODE = 0o644;
const OWNER_READS = 0o400;
const PARALLEL = 8;
const BATCH: BatchLimits<FileToSeal> = { bytes: 16 * 1024 * 1024, items: 64, sizeOf: ({ size }) => size };
