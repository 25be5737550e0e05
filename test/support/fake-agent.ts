import { sha256 } from '#core/digest.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { StorePrecondition } from '#core/errors.ts';
import { keys, type OrderId } from '#core/keys.ts';
import { createManifest, encodeManifest, type ManifestEntry, type ManifestSummary } from '#core/manifest.ts';
import { type ApplyOrder, type InventoryOrder, type Order, signedOrderSchema } from '#core/order.ts';
import { decodePart, type PlanPart } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import { ENROLMENT_FORMAT, PROGRESS_FORMAT, type Progress, RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import type { SyncId } from '#core/sync.ts';
import { createKeySigner } from './key-signer.ts';
import { applyOperations } from './pure-apply.ts';

const FAKE_PROFILE = sha256('fake profile');

/** An agent whose tree is a list in memory: obeys every order at once, or misbehaves as it is told. */
export class FakeAgent {
  readonly server: ServerId;
  readonly signer: Signer = createKeySigner();
  /** What it answers instead of SUCCEEDED, if anything. */
  misbehaviour:
    | 'none'
    | 'silent'
    | 'silent-at-apply'
    | 'forges-signature'
    | 'lies-about-state'
    | 'refuses'
    | 'never-ends' = 'none';
  entries: ManifestEntry[];
  /** Syncs whose pre-images it says are kept: those that it has applied. */
  preImages: SyncId[] = [];
  foldsNames = false;
  /** As its profile's version file would say it. */
  productVersion: string | undefined;
  readonly obeyed: Order[] = [];
  readonly #store: ObjectStore;
  #lastSequence = 0;

  private constructor(store: ObjectStore, server: ServerId, entries: ManifestEntry[]) {
    this.#store = store;
    this.server = server;
    this.entries = entries;
  }

  static async enrol(store: ObjectStore, server: ServerId, entries: ManifestEntry[]): Promise<FakeAgent> {
    const agent = new FakeAgent(store, server, entries);
    const enrolment = { format: ENROLMENT_FORMAT, server, publicKey: agent.signer.publicKey, enrolledAt: TIME };
    await store.put(keys.enrolment(server), encodeDocument(enrolment));
    return agent;
  }

  /** Looks once for an order that is new, and answers it. */
  async poll(): Promise<void> {
    const stored = await this.#store.get(keys.currentOrder(this.server));
    if (stored === undefined || this.misbehaviour === 'silent') return;
    const { payload: order } = parseDocument('order', signedOrderSchema, stored.body);
    if (order.sequence <= this.#lastSequence) return;
    if (order.step === 'apply' && this.misbehaviour === 'silent-at-apply') return;
    await this.reportProgress(order);
    if (order.step === 'apply' && this.misbehaviour === 'never-ends') return;
    this.#lastSequence = order.sequence;
    this.obeyed.push(order);
    await this.#answer(order.step === 'inventory' ? await this.#takeInventory(order) : await this.#apply(order));
  }

  async reportProgress(order: Order): Promise<void> {
    const { order: id } = order;
    const counts = { filesDone: 0, filesTotal: 1, bytesDone: 0, bytesTotal: 1 };
    const progress: Progress = {
      format: PROGRESS_FORMAT,
      order: id,
      server: this.server,
      at: new Date().toISOString(),
      stage: 'scanning',
      ...counts,
    };
    const key = keys.progress(this.server, id as OrderId);
    await this.#store.put(key, encodeDocument(await sign(progress, this.signer)));
  }

  async #answer(receipt: Receipt): Promise<void> {
    const signer = this.misbehaviour === 'forges-signature' ? createKeySigner() : this.signer;
    try {
      const key = keys.receipt(this.server, receipt.order as OrderId);
      await this.#store.create(key, encodeDocument(await sign(receipt, signer)));
    } catch (error) {
      if (!(error instanceof StorePrecondition)) throw error;
    }
  }

  async #takeInventory(order: InventoryOrder): Promise<Receipt> {
    const manifest = createManifest(FAKE_PROFILE, this.entries);
    await this.#store.put(keys.manifest(this.server, manifest.summary.manifest), encodeManifest(manifest));
    return {
      ...common(order),
      step: 'inventory',
      outcome: 'DONE',
      summary: manifest.summary,
      ...(order.snapshot && { snapshot: sha256('snapshot') }),
      ...(order.full && { full: order.full }),
      bytesUploaded: 7,
      facts: {
        platform: 'linux',
        foldsNames: this.foldsNames,
        windowsNames: false,
        freeBytes: 1e12,
        ...(this.productVersion !== undefined && { productVersion: this.productVersion }),
      },
      preImages: this.preImages,
    };
  }

  async #apply(order: ApplyOrder): Promise<Receipt> {
    const stored = await this.#store.get(keys.part(order.sync, this.server, order.part));
    const part = decodePart(stored?.body ?? new Uint8Array(), order.part);
    const before = createManifest(FAKE_PROFILE, this.entries).summary;
    if (this.misbehaviour === 'refuses' || before.state !== part.header.stateBefore) {
      return {
        ...common(order),
        step: 'apply',
        outcome: 'REFUSED',
        reason: 'STALE_PLAN',
        detail: 'it changed meanwhile',
      };
    }
    this.preImages.push(order.sync);
    if (this.misbehaviour !== 'lies-about-state') this.entries = applyOperations(this.entries, part.operations);
    return this.#success(order, part, before);
  }

  #success(order: ApplyOrder, part: PlanPart, before: ManifestSummary): Receipt {
    const after = createManifest(FAKE_PROFILE, this.entries).summary;
    const states = ({ state, protectedState }: ManifestSummary) => ({ state, protectedState });
    return {
      ...common(order),
      step: 'apply',
      outcome: 'SUCCEEDED',
      plan: order.plan,
      part: order.part,
      before: states(before),
      after: states(after),
      changes: { create: part.operations.length, update: 0, remove: 0, keep: 0 },
      bytesFetched: 5,
      secondsFetching: 0.5,
    };
  }
}

const TIME = '2026-01-02T03:04:05.000Z';

let receipts = 0;

/** No two receipts of a server are of the same moment. */
function common({ order, sync, server }: Order) {
  const finishedAt = new Date(Date.parse(TIME) + ++receipts).toISOString();
  return { format: RECEIPT_FORMAT, order, sync, server, startedAt: TIME, finishedAt } as const;
}
