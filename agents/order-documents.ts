import { readFile, writeFile } from 'node:fs/promises';
import { hasCode } from '#adapters/file-errors.ts';
import { decodeIndex, type Index } from '#core/chunk-index.ts';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument, OrderRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { Manifest, ManifestEntry } from '#core/manifest.ts';
import { type ApplyOrder, assertPartBelongsTo } from '#core/order.ts';
import { decodePart, type PlanPart } from '#core/plan.ts';
import { decodeSnapshot } from '#core/snapshot.ts';
import { damagedObject } from './damaged-object.ts';
import { ManifestMemory } from './manifest-memory.ts';
import type { Work } from './obey.ts';
import type { StoredContents } from './stage.ts';
import type { WorkFolder } from './work-folder.ts';

/** Documents from the store, each held to the digest that the order leads to. */
export class OrderDocuments {
  readonly #applying: Work<ApplyOrder>;

  constructor(applying: Work<ApplyOrder>) {
    this.#applying = applying;
  }

  async part(): Promise<PlanPart> {
    const { order } = this.#applying;
    const part = await this.#document(keys.part(order.sync, order.server, order.part), (bytes) =>
      decodePart(bytes, order.part),
    );
    assertPartBelongsTo(order, part);
    return part;
  }

  /** What the source has put into the store; `undefined` for a rollback, which takes nothing from there. */
  contents({ header }: PlanPart, work: WorkFolder): StoredContents | undefined {
    if (header.mode === 'rollback') return undefined;
    const { snapshot } = header;
    const snapshotKey = keys.snapshot(snapshot);
    return {
      snapshotKey,
      loadSnapshot: () => this.#needed(snapshotKey, snapshotKey, (bytes) => decodeSnapshot(bytes, snapshot)),
      loadIndex: (digest) => this.#index(digest, snapshotKey, work),
    };
  }

  /** Kept in the work folder: one of many contents is too long to be fetched again after every kill. */
  async #index(digest: Sha256, snapshotKey: string, work: WorkFolder): Promise<Index> {
    const kept = work.index(digest);
    try {
      return decodeIndex(await readFile(kept), digest);
    } catch (error) {
      if (!hasCode(error, 'ENOENT') && !(error instanceof InvalidDocument)) throw error;
    }
    return this.#needed(keys.index(digest), snapshotKey, async (bytes) => {
      const index = decodeIndex(bytes, digest);
      await writeFile(kept, bytes, { mode: 0o600 });
      return index;
    });
  }

  /** What the plan was made for, to say what has changed; without it the refusal stands all the same. */
  async manifestIfStale({ header }: PlanPart, found: Manifest): Promise<readonly ManifestEntry[] | undefined> {
    if (found.summary.state === header.stateBefore) return undefined;
    const memory = await ManifestMemory.open(this.#applying.context.stateFolder);
    return memory.entries(header.destinationManifest);
  }

  /** One that the snapshot leads to, or itself. */
  #needed<T>(key: string, snapshotKey: string, decode: (bytes: Uint8Array) => T | Promise<T>): Promise<T> {
    const { store } = this.#applying.context;
    return this.#read(key, decode, (cause) =>
      damagedObject(store, { key, snapshotKey, problem: cause?.message ?? 'it is missing' }, { cause }),
    );
  }

  #document<T>(key: string, decode: (bytes: Uint8Array) => T): Promise<T> {
    return this.#read(key, decode, (cause) => {
      if (cause === undefined)
        return new OrderRefused('WRONG_PLAN', `the store's object ${key} is missing; start a new sync`);
      return new OrderRefused(
        'WRONG_PLAN',
        `${cause.message}; the store's object ${key} is not the approved one: start a new sync`,
        { cause },
      );
    });
  }

  async #read<T>(
    key: string,
    decode: (bytes: Uint8Array) => T | Promise<T>,
    refusal: (cause: InvalidDocument | undefined) => OrderRefused,
  ): Promise<T> {
    const { context, signal } = this.#applying;
    const stored = await context.store.get(key, { signal });
    if (stored === undefined) throw refusal(undefined);
    try {
      return await decode(stored.body);
    } catch (cause) {
      throw cause instanceof InvalidDocument ? refusal(cause) : cause;
    }
  }
}
