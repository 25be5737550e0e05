import { decodeIndex } from '#core/chunk-index.ts';
import { encodeDocument, MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import { createManifest, encodeManifest, type ManifestEntry, type ManifestSummary } from '#core/manifest.ts';
import { type ApplyOrder, type InventoryOrder, type Order, signedOrderSchema } from '#core/order.ts';
import { bringsContent, decodePart, type PlanPart } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { ENROLMENT_FORMAT, PROGRESS_FORMAT, RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import { decodeSnapshot } from '#core/snapshot.ts';
import { MemorySigner } from './memory-signer.ts';
import { PROFILE, type Release, storeRelease } from './release.ts';

/**
 * An agent without a disk: makes the calls of a real one (test/simulate holds the two against each other), and answers
 * with receipts that hold. Whoever has it is told when there is an order, so that nothing here goes by the clock.
 */
export class LightAgent {
  readonly server: ServerId;
  readonly #store: ObjectStore;
  readonly #signer = new MemorySigner();
  readonly #release: Release;
  #entries: readonly ManifestEntry[];
  #lastSequence = 0;

  /** The source holds the release, a destination what was before. */
  constructor(store: ObjectStore, server: ServerId, { isSource, release }: { isSource: boolean; release: Release }) {
    this.server = server;
    this.#store = store;
    this.#release = release;
    this.#entries = isSource ? release.entries : release.former;
  }

  async enrol(): Promise<void> {
    const { publicKey } = this.#signer;
    const enrolment = { format: ENROLMENT_FORMAT, server: this.server, publicKey, enrolledAt: TIME };
    await this.#store.create(keys.enrolment(this.server), encodeDocument(enrolment));
  }

  /** Looks for an order, and does what it says if it is a new one. */
  async look(): Promise<void> {
    const stored = await this.#store.get(keys.currentOrder(this.server));
    if (stored === undefined) return;
    const { payload: order } = parseDocument('order', signedOrderSchema, stored.body, MAX_SIGNED_BYTES);
    if (order.sequence <= this.#lastSequence) return;
    const isFirst = this.#lastSequence === 0;
    this.#lastSequence = order.sequence;
    const answer = keys.receipt(this.server, parseOrderId(order.order));
    if ((isFirst || order.step === 'apply') && (await this.#store.head(answer)) !== undefined) return;
    await this.#assertAwaited(order);
    const receipt = order.step === 'inventory' ? await this.#takeInventory(order) : await this.#apply(order);
    await this.#store.create(answer, encodeDocument(await sign(receipt, this.#signer)));
  }

  async #takeInventory(order: InventoryOrder): Promise<Receipt> {
    const manifest = createManifest(PROFILE, this.#entries);
    const { manifest: digest } = manifest.summary;
    if (order.snapshot) await this.#assertAwaited(order);
    else await this.#store.create(keys.manifest(this.server, digest), encodeManifest(manifest));
    return {
      ...common(order),
      step: 'inventory',
      outcome: 'DONE',
      summary: manifest.summary,
      ...(order.snapshot && { snapshot: await storeRelease(this.#store, this.server, this.#release) }),
      bytesUploaded: 0,
      secondsUploading: 0,
      facts: { platform: 'linux', foldsNames: false, windowsNames: false, freeBytes: 1e12 },
      preImages: [],
    };
  }

  async #apply(order: ApplyOrder): Promise<Receipt> {
    await this.#reportProgress(order);
    const stored = await this.#store.get(keys.part(order.sync, this.server, order.part));
    const part = decodePart(stored?.body ?? new Uint8Array(), order.part);
    const before = createManifest(PROFILE, this.#entries).summary;
    const bytesFetched = await this.#fetch(part);
    await this.#assertAwaited(order);
    this.#entries = entriesAfter(this.#entries, part);
    return {
      ...common(order),
      step: 'apply',
      outcome: 'SUCCEEDED',
      plan: order.plan,
      part: order.part,
      before: statesOf(before),
      after: statesOf(createManifest(PROFILE, this.#entries).summary),
      changes: {
        create: 0,
        update: part.operations.length,
        remove: 0,
        keep: before.artifacts - part.operations.length,
      },
      bytesFetched,
      secondsFetching: 0.1,
    };
  }

  /** All that is new lies in one range of one pack. */
  async #fetch({ header, operations }: PlanPart): Promise<number> {
    if (header.mode === 'rollback') return 0;
    const snapshot = await this.#store.get(keys.snapshot(header.snapshot));
    const [digest] = decodeSnapshot(snapshot?.body ?? new Uint8Array(), header.snapshot).indexes;
    if (digest === undefined) return 0;
    const stored = await this.#store.get(keys.index(digest));
    const { recipes } = decodeIndex(stored?.body ?? new Uint8Array(), digest);
    const chunks = operations.filter(bringsContent).flatMap(({ sha256 }) => [...(recipes.get(sha256)?.chunks ?? [])]);
    const [first] = chunks;
    if (first === undefined) return 0;
    const length = Math.max(...chunks.map((chunk) => chunk.offset + chunk.length));
    const range = await this.#store.getRange(keys.pack(first.pack), { offset: 0, length });
    return range?.length ?? 0;
  }

  async #assertAwaited(order: Order): Promise<void> {
    const withdrawn = await this.#store.head(keys.withdrawn(this.server, parseOrderId(order.order)));
    if (withdrawn !== undefined) throw new Error(`nobody waits for the answer to order ${order.order} any more`);
  }

  async #reportProgress(order: Order): Promise<void> {
    const counts = { filesDone: 0, filesTotal: this.#entries.length, bytesDone: 0, bytesTotal: 0 };
    const at = new Date().toISOString();
    const { server } = this;
    const progress = { format: PROGRESS_FORMAT, order: order.order, server, at, stage: 'scanning', ...counts } as const;
    const key = keys.progress(server, parseOrderId(order.order));
    await this.#store.put(key, encodeDocument(await sign(progress, this.#signer)));
  }
}

function entriesAfter(entries: readonly ManifestEntry[], { operations }: PlanPart): readonly ManifestEntry[] {
  const brought = new Map<string, ManifestEntry>(
    operations
      .filter(bringsContent)
      .map(({ class: artifactClass, mode, mtime, path, sha256, size }) => [
        path,
        { kind: 'artifact', class: artifactClass, mode, mtime, path, sha256, size },
      ]),
  );
  return entries.map((entry) => brought.get(entry.path) ?? entry);
}

function statesOf({ protectedState, state }: ManifestSummary) {
  return { state, protectedState };
}

function common({ order, server, sync }: Order) {
  const now = new Date().toISOString();
  return { format: RECEIPT_FORMAT, order, sync, server, startedAt: now, finishedAt: now } as const;
}

const TIME = '2026-01-02T03:04:05.000Z';
