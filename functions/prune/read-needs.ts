import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { decodeIndexPacks } from '#core/index-packs.ts';
import { keys } from '#core/keys.ts';
import { isArtifact } from '#core/manifest.ts';
import { entriesOf } from '#core/manifest-lines.ts';
import type { ServerId } from '#core/server.ts';
import { decodeSnapshot } from '#core/snapshot.ts';
import type { Dependencies } from '../dependencies.ts';
import { loadManifest } from '../plan/stock.ts';

export interface Needs {
  readonly indexes: ReadonlySet<Sha256>;
  readonly packs: ReadonlySet<Sha256>;
}

export interface Reading {
  /** Bytes of those that are in the store. */
  readonly indexSizes: ReadonlyMap<Sha256, number>;
  readonly beforeEach: () => Promise<void>;
}

type Store = Pick<Dependencies, 'store'>;

/**
 * What it takes to read the contents of these snapshots: all indexes that they name, and of the packs those that hold a
 * content of the manifest. An index may be older than the snapshot, and list contents that the source has no more.
 * InvalidDocument, naming the object, for one that cannot be read.
 */
export async function readNeeds(
  dependencies: Store,
  sources: ReadonlyMap<Sha256, ServerId>,
  reading: Reading,
): Promise<Needs> {
  const { store } = dependencies;
  const needs = { indexes: new Set<Sha256>(), packs: new Set<Sha256>() };
  for (const [snapshot, source] of sources) {
    await reading.beforeEach();
    const { indexes, manifest } = decodeSnapshot(await read(store, keys.snapshot(snapshot)), snapshot);
    const contents = await readContents(store, source, manifest);
    const isWanted = (content: Sha256) => contents.has(shortened(content));
    for (const index of indexes) {
      if (!reading.indexSizes.has(index)) {
        throw new InvalidDocument(keys.snapshot(snapshot), `${keys.index(index)} is not in the store`);
      }
      for (const pack of await readPacks(dependencies, reading, index, isWanted)) needs.packs.add(pack);
      needs.indexes.add(index);
    }
  }
  return needs;
}

/**
 * All that these snapshots name, as far as it is there. Nobody knows whose they are: a source that has answered no order
 * with it yet, or that came too late, when nobody counts on its snapshot any more.
 */
export async function readNamed(dependencies: Store, snapshots: Iterable<Sha256>, reading: Reading): Promise<Needs> {
  const { store } = dependencies;
  const needs = { indexes: new Set<Sha256>(), packs: new Set<Sha256>() };
  for (const snapshot of snapshots) {
    await reading.beforeEach();
    for (const index of decodeSnapshot(await read(store, keys.snapshot(snapshot)), snapshot).indexes) {
      if (needs.indexes.has(index) || !reading.indexSizes.has(index)) continue;
      for (const pack of await readPacks(dependencies, reading, index)) needs.packs.add(pack);
      needs.indexes.add(index);
    }
  }
  return needs;
}

async function readPacks(
  { store }: Store,
  { beforeEach, indexSizes }: Reading,
  index: Sha256,
  isWanted?: (content: Sha256) => boolean,
): Promise<ReadonlySet<Sha256>> {
  await beforeEach();
  const size = indexSizes.get(index) ?? 0;
  if (size > MOST_BYTES) throw new InvalidDocument(keys.index(index), `${size} bytes are too many`);
  return decodeIndexPacks(await read(store, keys.index(index)), index, isWanted);
}

/** Contents of a manifest, shortened: two that look the same only keep a pack too many. */
async function readContents(
  store: Dependencies['store'],
  source: ServerId,
  digest: Sha256,
): Promise<ReadonlySet<number>> {
  const manifest = await loadManifest(store, source, digest);
  const contents = new Set<number>();
  for (const entry of entriesOf(manifest)) {
    if (isArtifact(entry)) contents.add(shortened(entry.sha256));
  }
  return contents;
}

function shortened(digest: Sha256): number {
  return Number.parseInt(digest.slice(0, DIGITS), 16);
}

async function read(store: Dependencies['store'], key: string): Promise<Uint8Array> {
  const stored = await store.get(key);
  if (stored === undefined) throw new InvalidDocument(key, 'it is not in the store');
  return stored.body;
}

/** As many as a number holds exactly. */
const DIGITS = 13;
const MOST_BYTES = 512 * 1024 * 1024;
