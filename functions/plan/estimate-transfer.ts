import type { Chunk, Recipe } from '#core/chunk-index.ts';
import { LONGEST_CHUNK, WHOLE_BYTES } from '#core/chunk-sizes.ts';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { IndexLookup } from '#core/index-lookup.ts';
import { keys } from '#core/keys.ts';
import { openManifest, type StoredManifest } from '#core/manifest-lines.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { decodeSnapshot } from '#core/snapshot.ts';
import { countBytesToFetch, type TransferEstimate, withBases } from '#core/transfer-estimate.ts';

export interface TransferToEstimate {
  readonly operations: readonly Operation[];
  /** What the destination holds. */
  readonly manifest: StoredManifest;
  /** Of the part, as it is stored. */
  readonly partBytes: number;
  readonly downloadBytesPerSecond: number | undefined;
}

/**
 * Says what the agents of one plan will fetch, by doing on paper what `stage` in agents/ does: whole contents that a
 * destination has are copied, chunks that it has are, too, and the rest comes in ranges. Reads each index at most once,
 * whatever the number of destinations, and only as far as something is looked for.
 */
export class TransferEstimator {
  readonly #indexes: SnapshotIndexes;
  #isBroken = false;

  constructor(store: ObjectStore, snapshot: Sha256) {
    this.#indexes = new SnapshotIndexes(store, snapshot);
  }

  /** `undefined` when the store does not hold the snapshot as it should be; the agents will say so, too. */
  async estimate(transfer: TransferToEstimate): Promise<TransferEstimate | undefined> {
    if (this.#isBroken) return undefined;
    try {
      return withSeconds(await this.#estimateBytes(transfer), transfer.downloadBytesPerSecond);
    } catch (error) {
      if (!(error instanceof InvalidDocument && this.#indexes.isAbout(error))) throw error;
      this.#isBroken = true;
      return undefined;
    }
  }

  async #estimateBytes({ manifest, operations, partBytes }: TransferToEstimate): Promise<TransferEstimate> {
    const wanted = new Set(operations.filter(bringsContent).map(({ sha256 }) => sha256));
    if (wanted.size === 0) return { bytes: partBytes };
    const recipes = await this.#indexes.recipesOf(wanted);
    const held = findHeld(manifest, wanted, withBases(chunksOf(recipes.values())));
    const missing = [...wanted].filter((sha256) => !held.contents.has(sha256));
    if (missing.length === 0) return { bytes: partBytes };
    const brought = missing.map((sha256) => this.#indexes.require(recipes, sha256));
    const isCut = brought.some(({ size }) => size > WHOLE_BYTES);
    const formers = isCut ? formerContents(operations) : new Set<Sha256>();
    const known = await this.#indexes.recipesOf(formers);
    const own = new Set([...held.chunks, ...chunksOf(known.values()).map(({ sha256 }) => sha256)]);
    const bytes = partBytes + this.#indexes.bytesToRead(missing) + countBytesToFetch(chunksOf(brought), own);
    return known.size < formers.size ? { bytes, atMost: true } : { bytes };
  }
}

/** What is to be brought, or needed to decode that, and is there already: whole contents, and files that are one chunk. */
function findHeld(
  manifest: StoredManifest,
  wanted: ReadonlySet<Sha256>,
  needed: ReadonlyMap<Sha256, unknown>,
): { readonly contents: ReadonlySet<Sha256>; readonly chunks: ReadonlySet<Sha256> } {
  const [contents, chunks] = [new Set<Sha256>(), new Set<Sha256>()];
  for (const { sha256, size } of artifactsAmong(manifest, (sha256) => wanted.has(sha256) || needed.has(sha256))) {
    if (wanted.has(sha256)) contents.add(sha256);
    if (size <= LONGEST_CHUNK && needed.has(sha256)) chunks.add(sha256);
  }
  return { contents, chunks };
}

/**
 * Of a manifest that has been read strictly before: hundreds of thousands of lines a second are passed over. What is
 * looked for cannot be in a path, whose quotes have backslashes before them.
 */
function* artifactsAmong(
  manifest: StoredManifest,
  isSought: (content: Sha256) => boolean,
): Generator<{ readonly sha256: Sha256; readonly size: number }> {
  const reader = openManifest(manifest);
  while (!reader.isAtEnd) {
    const { block, start } = reader.ahead;
    const text = block.toString('latin1', start);
    for (let at = text.indexOf(ARTIFACT); at !== -1; at = text.indexOf(ARTIFACT, at)) {
      at = text.indexOf(SHA256, at) + SHA256.length;
      const sha256 = text.slice(at, at + DIGEST_LENGTH) as Sha256;
      at += DIGEST_LENGTH + SIZE.length;
      if (isSought(sha256)) yield { sha256, size: Number(text.slice(at, text.indexOf('}', at))) };
    }
    reader.skip(block.length - start);
  }
  reader.assertDigest();
}

const ARTIFACT = '"kind":"artifact"';
const SHA256 = '"sha256":"';
const SIZE = '","size":';
const DIGEST_LENGTH = 64;

/** Of the files that the agent cuts for what they have in common with the new ones. */
function formerContents(operations: readonly Operation[]): Set<Sha256> {
  const former = operations.flatMap((operation) => ('former' in operation ? [operation.former] : []));
  return new Set(former.filter(({ size }) => size > WHOLE_BYTES).map(({ sha256 }) => sha256));
}

function chunksOf(recipes: Iterable<Recipe>): Chunk[] {
  return [...recipes].flatMap(({ chunks }) => [...chunks]);
}

export function withSeconds(estimate: TransferEstimate, rate: number | undefined): TransferEstimate {
  return rate === undefined ? estimate : { ...estimate, seconds: Math.round((estimate.bytes / rate) * 10) / 10 };
}

interface ReadIndex {
  readonly lookup: IndexLookup;
  /** As it is stored. */
  readonly bytes: number;
}

/** The indexes of a snapshot, newest first, each read when something was not in those before it. */
class SnapshotIndexes {
  readonly #store: ObjectStore;
  readonly #digest: Sha256;
  readonly #read: ReadIndex[] = [];
  #snapshot: { readonly indexes: readonly Sha256[]; readonly bytes: number } | undefined;
  #bytes = 0;

  constructor(store: ObjectStore, digest: Sha256) {
    this.#store = store;
    this.#digest = digest;
  }

  /** Of those that are in any of the indexes. */
  async recipesOf(contents: ReadonlySet<Sha256>): Promise<Map<Sha256, Recipe>> {
    const recipes = new Map<Sha256, Recipe>();
    const lacking = new Set(contents);
    for (let number = 0; lacking.size > 0; number++) {
      const index = this.#read[number] ?? (await this.#readNext());
      if (index === undefined) break;
      for (const sha256 of lacking) {
        const recipe = index.lookup.recipeOf(sha256);
        if (recipe === undefined) continue;
        recipes.set(sha256, recipe);
        lacking.delete(sha256);
      }
    }
    return recipes;
  }

  require(recipes: ReadonlyMap<Sha256, Recipe>, sha256: Sha256): Recipe {
    const recipe = recipes.get(sha256);
    if (recipe === undefined) throw new InvalidDocument(this.#what, `it does not hold the content ${sha256}`);
    return recipe;
  }

  /** Of the snapshot, and the indexes that an agent reads until it has found all of these. */
  bytesToRead(contents: readonly Sha256[]): number {
    let bytes = this.#snapshot?.bytes ?? 0;
    let lacking = contents;
    for (const index of this.#read) {
      if (lacking.length === 0) break;
      bytes += index.bytes;
      lacking = lacking.filter((sha256) => !index.lookup.has(sha256));
    }
    return bytes;
  }

  isAbout({ what }: InvalidDocument): boolean {
    return what === this.#what || this.#snapshot?.indexes.some((digest) => what === indexName(digest)) === true;
  }

  get #what(): string {
    return `snapshot ${this.#digest}`;
  }

  async #readNext(): Promise<ReadIndex | undefined> {
    this.#snapshot ??= await this.#readSnapshot();
    const digest = this.#snapshot.indexes[this.#read.length];
    if (digest === undefined) return undefined;
    const what = indexName(digest);
    const body = await this.#get(what, keys.index(digest));
    const index = { lookup: new IndexLookup(body, digest), bytes: body.length };
    this.#read.push(index);
    return index;
  }

  async #readSnapshot() {
    const body = await this.#get(this.#what, keys.snapshot(this.#digest));
    return { indexes: decodeSnapshot(body, this.#digest).indexes, bytes: body.length };
  }

  async #get(what: string, key: string): Promise<Uint8Array> {
    this.#bytes += (await this.#store.head(key))?.size ?? 0;
    if (this.#bytes > MOST_BYTES) throw new InvalidDocument(what, `${this.#bytes} bytes of indexes are too many`);
    const stored = await this.#store.get(key);
    if (stored === undefined) throw new InvalidDocument(what, 'it is not in the store');
    return stored.body;
  }
}

function indexName(digest: Sha256): string {
  return `index ${digest}`;
}

/** Compressed, of all indexes: those of about three million small files, or 300 GB in large ones. */
const MOST_BYTES = 128 * 1024 * 1024;
