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
  /** The servers of this phase, the source first. */
  readonly servers: readonly ServerView[];
  /** The newest wave of destinations that has begun, from 0; none of the later ones has been looked at. */
  readonly wave: number;
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
  /** Once the verdict is there, which names everybody, nobody's own answer is read. */
  readonly verdictSuffices?: boolean;
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
  yield* lookAgain(() => observer.look(), options);
}

/** As `observeSync`, whoever looks. */
export async function* lookAgain(
  look: () => Promise<SyncView>,
  options: Pick<ObserveOptions, 'signal' | 'pollMilliseconds' | 'pause'>,
): AsyncGenerator<SyncView> {
  const pause = options.pause ?? ((milliseconds, signal) => sleep(milliseconds, undefined, { signal }));
  let failures = 0;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      const view = await look();
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

/**
 * Keeps what can no longer change, and asks only for the rest: the first look and the last are at everybody whose turn
 * it has been, those between at a bounded number of them, one after the other. A view that is as the last one is the
 * last one.
 */
export class SyncObserver {
  readonly #store: ObjectStore;
  readonly #sync: SyncId;
  readonly #options: Omit<ObserveOptions, 'pollMilliseconds'>;
  readonly #servers = new Map<OrderId, Seen>();
  #looks = 0;
  #wave = 0;
  #last: SyncView | undefined;
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
    if (this.#last?.verdict !== undefined) return this.#last;
    this.#request ??= await this.#readRequest();
    const verdict = await this.#read(keys.verdict(this.#sync), syncVerdictSchema);
    this.#plan ??= await this.#readPlan();
    this.#decision ??= await this.#read(keys.decision(this.#sync), decisionSchema);
    const [request, plan, decision] = [this.#request, this.#plan, this.#decision];
    const cancelled = (await this.#store.head(keys.cancelled(this.#sync), this.#options)) !== undefined;
    this.#begun ||=
      plan !== undefined || (await this.#store.head(keys.inventoryItems(this.#sync), this.#options)) !== undefined;
    if (decision?.decision === 'APPROVED') await this.#followWaves(request, plan);
    const servers = await this.#look(atWork(request, plan), verdict);
    const phase = verdict === undefined ? await this.#phase(plan, decision, servers) : 'done';
    const [begun, wave] = [this.#begun, this.#wave];
    const view = { request, phase, plan, decision, cancelled, begun, wave, servers, verdict };
    if (this.#last === undefined || !isSame(this.#last, view)) this.#last = view;
    return this.#last;
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

  /** One wave follows another: that one has begun says so of all before it. */
  async #followWaves({ waveSize }: SyncRequest, plan: Plan | undefined): Promise<void> {
    const waves = plan === undefined ? 0 : Math.ceil(toApply(plan).length / waveSize);
    const hasBegun = async (wave: number) =>
      (await this.#store.head(keys.waveItems(this.#sync, wave), this.#options)) !== undefined;
    let later = waves;
    for (let step = 1; this.#wave + step < later; step *= 2) {
      if (await hasBegun(this.#wave + step)) this.#wave += step;
      else later = this.#wave + step;
    }
    while (later - this.#wave > 1) {
      const middle = Math.floor((this.#wave + later) / 2);
      if (await hasBegun(middle)) this.#wave = middle;
      else later = middle;
    }
  }

  async #look(work: readonly Work[], verdict: SyncVerdict | undefined): Promise<ServerView[]> {
    const seen = work.map((one) => this.#seen(one));
    const limit = pLimit(PARALLEL_READS);
    await Promise.all(this.#choose(seen, verdict).map((one) => limit(() => this.#lookAt(one))));
    this.#looks++;
    return seen.map(({ view }) => view);
  }

  /** Of those that have not answered and whose turn it has been, the ones that were looked at longest ago. */
  #choose(seen: readonly Seen[], verdict: SyncVerdict | undefined): readonly Seen[] {
    if (verdict !== undefined && this.#options.verdictSuffices === true) return [];
    const begun = this.#plan === undefined ? seen : seen.slice(0, this.#turns());
    const open = begun.filter(({ view }) => view.receipt === undefined);
    if (this.#looks === 0 || verdict !== undefined || open.length <= MOST_AT_A_LOOK) return open;
    return open.toSorted((a, b) => a.look - b.look).slice(0, MOST_AT_A_LOOK);
  }

  /** Nobody is ordered to write before it is approved. */
  #turns(): number {
    return this.#decision?.decision === 'APPROVED' ? (this.#wave + 1) * (this.#request?.waveSize ?? 0) : 0;
  }

  #seen({ server, step }: Work): Seen {
    const order = orderId(this.#sync, step, server);
    const known = this.#servers.get(order);
    if (known !== undefined) return known;
    const view = { server, step, progress: undefined, receipt: undefined };
    const seen: Seen = { order, view, look: 0, etag: '' };
    this.#servers.set(order, seen);
    return seen;
  }

  async #lookAt(seen: Seen): Promise<void> {
    seen.look = this.#looks + 1;
    const { server } = seen.view;
    const receipt = await this.#readReceipt(server, seen.order);
    if (receipt !== undefined) seen.view = { ...seen.view, receipt };
    else await this.#readProgress(seen);
  }

  async #readReceipt(server: ServerId, order: OrderId): Promise<Receipt | undefined> {
    const key = keys.receipt(server, order);
    const stored = await this.#store.get(key, this.#options);
    const receipt = stored && orUndefined(() => parseDocument(key, signedReceiptSchema, stored.body).payload);
    return receipt?.server === server && receipt.order === order ? receipt : undefined;
  }

  async #readProgress(seen: Seen): Promise<void> {
    const { etag, order, view } = seen;
    const key = keys.progress(view.server, order);
    const stored = await this.#store.getIfChanged(key, etag, this.#options);
    if (stored === 'not-modified' || stored === undefined) return;
    const read = orUndefined(() => parseDocument(key, signedProgressSchema, stored.body).payload);
    const progress = read?.server === view.server && read.order === order ? read : undefined;
    seen.etag = stored.etag;
    seen.view = { ...view, progress };
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

/** What one server's order was seen to have come to. */
interface Seen {
  readonly order: OrderId;
  view: ServerView;
  /** The number of the look that was the last at it; 0 before the first. */
  look: number;
  /** Of its progress. */
  etag: string;
}

function atWork(request: SyncRequest, plan: Plan | undefined): Work[] {
  if (plan === undefined) {
    return stockTakers(request).map((server) => ({ server, step: 'inventory' }));
  }
  return toApply(plan).map(({ server }) => ({ server, step: 'apply' }));
}

function toApply({ destinations }: Plan): Plan['destinations'] {
  return destinations.filter(({ outcome }) => outcome === 'changes');
}

function isSame(a: SyncView, b: SyncView): boolean {
  const hasSame = (name: Exclude<keyof SyncView, 'servers'>) => a[name] === b[name];
  return (
    (['request', 'verdict', 'phase', 'plan', 'decision', 'cancelled', 'begun', 'wave'] as const).every(hasSame) &&
    a.servers.length === b.servers.length &&
    a.servers.every((one, index) => one === b.servers[index])
  );
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
const PARALLEL_READS = 32;
/** Two reads each. */
const MOST_AT_A_LOOK = 100;
