import type { Chunk, Recipe } from '#core/chunk-index.ts';
import { LONGEST_CHUNK, WHOLE_BYTES } from '#core/chunk-sizes.ts';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { openManifest, type StoredManifest } from '#core/manifest-lines.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { countBytesToFetch, type TransferEstimate, withBases } from '#core/transfer-estimate.ts';
import { SnapshotIndexes } from '../snapshot-indexes.ts';

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
