import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { type Decision, decisionSchema } from '#core/approval.ts';
import { parseDocument } from '#core/documents.ts';
import { BadInput, InvalidDocument, StoreTransient } from '#core/errors.ts';
import { keys, type OrderId, type OrderStep, orderId } from '#core/keys.ts';
import { hasChanges, type Plan } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type Progress, type Receipt, signedProgressSchema, signedReceiptSchema } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { type SyncId, type SyncRequest, stockTakers, syncRequestSchema } from '#core/sync.ts';
import { type SyncVerdict, syncVerdictSchema } from '#core/verdict.ts';
import { findControlKey } from '../control-key.ts';
import { loadPlan } from '../sync-documents.ts';

export type SyncPhase = 'inventory' | 'planning' | 'approval' | 'applying' | 'done';

/** What the store tells about a sync at one moment. */
export interface SyncView {
  readonly request: SyncRequest;
  readonly phase: SyncPhase;
  readonly plan: Plan | undefined;
  readonly decision: Decision | undefined;
  readonly cancelled: boolean;
  /** Whether a controller has taken it up. */
  readonly begun: boolean;
  /** The servers at work in this phase, the source first. */
  readonly servers: readonly ServerView[];
  /** There in phase `done`, and only then. */
  readonly verdict: SyncVerdict | undefined;
}

/**
 * What an agent says about its order; shown, never decided by: the control plane checks who signed it, and puts
 * what holds into the verdict.
 */
export interface ServerView {
  readonly server: ServerId;
  readonly step: OrderStep;
  readonly progress: Progress | undefined;
  readonly receipt: Receipt | undefined;
}

export interface ObserveOptions {
  readonly signal: AbortSignal;
  readonly pollMilliseconds: number;
  /** Instead of a sleep between two looks. */
  readonly pause?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** The control key that the plan must be signed with; by default the one that the store names. */
  readonly controlKey?: string | undefined;
}

/**
 * Looks at the store again and again until the verdict is there; throws the signal's reason when it aborts, and
 * BadInput when there is no such sync. A store that does not answer for a while is waited for.
 */
export async function* observeSync(
  store: ObjectStore,
  sync: SyncId,
  options: ObserveOptions,
): AsyncGenerator<SyncView> {
  const observer = new SyncObserver(store, sync, options);
  const pause = options.pause ?? ((milliseconds, signal) => sleep(milliseconds, undefined, { signal }));
  let failures = 0;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      const view = await observer.look();
      failures = 0;
      yield view;
      if (view.phase === 'done') return;
    } catch (error) {
      if (!(error instanceof StoreTransient) || ++failures >= PATIENCE) throw error;
    }
    // An abort ends the pause; the loop then throws the signal's own reason.
    await pause(options.pollMilliseconds, options.signal).catch(() => undefined);
  }
}

/** One look. */
export async function lookAtSync(
  store: ObjectStore,
  sync: SyncId,
  options: Omit<ObserveOptions, 'pollMilliseconds'>,
): Promise<SyncView> {
  return await new SyncObserver(store, sync, options).look();
}

/** Keeps what can no longer change, and asks only for the rest. */
class SyncObserver {
  readonly #store: ObjectStore;
  readonly #sync: SyncId;
  readonly #options: Omit<ObserveOptions, 'pollMilliseconds'>;
  readonly #receipts = new Map<OrderId, Receipt>();
  readonly #progress = new Map<OrderId, { readonly etag: string; readonly progress: Progress | undefined }>();
  #request: SyncRequest | undefined;
  #controlKey: string | undefined;
  #begun = false;
  #plan: Plan | undefined;
  #decision: Decision | undefined;

  constructor(store: ObjectStore, sync: SyncId, options: Omit<ObserveOptions, 'pollMilliseconds'>) {
    this.#store = store;
    this.#sync = sync;
    this.#options = options;
    this.#controlKey = options.controlKey;
  }

  async look(): Promise<SyncView> {
    this.#request ??= await this.#readRequest();
    const verdict = await this.#read(keys.verdict(this.#sync), syncVerdictSchema);
    this.#plan ??= await this.#readPlan();
    this.#decision ??= await this.#read(keys.decision(this.#sync), decisionSchema);
    const [request, plan, decision] = [this.#request, this.#plan, this.#decision];
    const cancelled = (await this.#store.head(keys.cancelled(this.#sync), this.#options)) !== undefined;
    this.#begun ||=
      plan !== undefined || (await this.#store.head(keys.inventoryItems(this.#sync), this.#options)) !== undefined;
    const servers = await this.#look(atWork(request, plan));
    const phase = verdict === undefined ? await this.#phase(plan, decision, servers) : 'done';
    return { request, phase, plan, decision, cancelled, begun: this.#begun, servers, verdict };
  }

  async #phase(
    plan: Plan | undefined,
    decision: Decision | undefined,
    servers: readonly ServerView[],
  ): Promise<SyncPhase> {
    if (plan === undefined) return servers.every(({ receipt }) => receipt !== undefined) ? 'planning' : 'inventory';
    if (decision?.decision === 'APPROVED') return 'applying';
    if (!hasChanges(plan) || plan.policy.dryRun) return 'planning';
    const asked = await this.#store.head(keys.approvalRequested(this.#sync), this.#options);
    return asked === undefined ? 'planning' : 'approval';
  }

  /** No key, no plan: nothing says who may have signed one. */
  async #readPlan(): Promise<Plan | undefined> {
    this.#controlKey ??= await findControlKey(this.#store);
    return this.#controlKey === undefined ? undefined : await loadPlan(this.#store, this.#sync, this.#controlKey);
  }

  async #readRequest(): Promise<SyncRequest> {
    const request = await this.#read(keys.request(this.#sync), syncRequestSchema);
    if (request !== undefined) return request;
    throw new BadInput(`there is no sync ${this.#sync} in ${this.#store.url}; see lockstep history`);
  }

  async #look(work: readonly Work[]): Promise<ServerView[]> {
    const limit = pLimit(PARALLEL_READS);
    return await Promise.all(work.map((one) => limit(() => this.#lookAt(one))));
  }

  async #lookAt({ server, step }: Work): Promise<ServerView> {
    const order = orderId(this.#sync, step, server);
    const receipt = this.#receipts.get(order) ?? (await this.#readReceipt(server, order));
    if (receipt !== undefined) this.#receipts.set(order, receipt);
    const progress =
      receipt === undefined ? await this.#readProgress(server, order) : this.#progress.get(order)?.progress;
    return { server, step, progress, receipt };
  }

  async #readReceipt(server: ServerId, order: OrderId): Promise<Receipt | undefined> {
    const key = keys.receipt(server, order);
    const stored = await this.#store.get(key, this.#options);
    const receipt = stored && orUndefined(() => parseDocument(key, signedReceiptSchema, stored.body).payload);
    return receipt?.server === server && receipt.order === order ? receipt : undefined;
  }

  async #readProgress(server: ServerId, order: OrderId): Promise<Progress | undefined> {
    const key = keys.progress(server, order);
    const known = this.#progress.get(order);
    const stored = await this.#store.getIfChanged(key, known?.etag ?? '', this.#options);
    if (stored === 'not-modified' || stored === undefined) return known?.progress;
    const read = orUndefined(() => parseDocument(key, signedProgressSchema, stored.body).payload);
    const progress = read?.server === server && read.order === order ? read : undefined;
    this.#progress.set(order, { etag: stored.etag, progress });
    return progress;
  }

  async #read<T>(key: string, schema: Parameters<typeof parseDocument<T>>[1]): Promise<T | undefined> {
    const stored = await this.#store.get(key, this.#options);
    return stored === undefined ? undefined : parseDocument(key, schema, stored.body);
  }
}

interface Work {
  readonly server: ServerId;
  readonly step: OrderStep;
}

function atWork(request: SyncRequest, plan: Plan | undefined): Work[] {
  if (plan === undefined) {
    return stockTakers(request).map((server) => ({ server, step: 'inventory' }));
  }
  const toApply = plan.destinations.filter(({ outcome }) => outcome === 'changes');
  return toApply.map(({ server }) => ({ server, step: 'apply' }));
}

/** A broken word from one agent is as good as none; it must not stop the view of the others. */
function orUndefined<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

const PATIENCE = 60;
const PARALLEL_READS = 16;
