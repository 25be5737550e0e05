import type { Recipe } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { IndexLookup } from '#core/index-lookup.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { decodeSnapshot } from '#core/snapshot.ts';

/** The indexes of a snapshot, newest first, each read when something was not in those before it. */
export class SnapshotIndexes {
  readonly #store: ObjectStore;
  readonly #digest: Sha256;
  readonly #most: number;
  readonly #read: ReadIndex[] = [];
  #snapshot: { readonly indexes: readonly Sha256[]; readonly bytes: number } | undefined;
  #bytes = 0;

  /** Reads `most` bytes of indexes, as they are stored; InvalidDocument beyond. */
  constructor(store: ObjectStore, digest: Sha256, most: number = MOST_BYTES) {
    this.#store = store;
    this.#digest = digest;
    this.#most = most;
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
    if (this.#bytes > this.#most) throw new InvalidDocument(what, `${this.#bytes} bytes of indexes are too many`);
    const stored = await this.#store.get(key);
    if (stored === undefined) throw new InvalidDocument(what, 'it is not in the store');
    return stored.body;
  }
}

interface ReadIndex {
  readonly lookup: IndexLookup;
  /** As it is stored. */
  readonly bytes: number;
}

function indexName(digest: Sha256): string {
  return `index ${digest}`;
}

/** Compressed, of all indexes: those of about three million small files, or 300 GB in large ones. */
const MOST_BYTES = 128 * 1024 * 1024;
