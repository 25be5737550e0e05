import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument, OrderRefused } from '#core/errors.ts';
import { assertObeyable, type Order } from '#core/order.ts';
import type { AgentStatus } from '#core/receipt.ts';
import type { Signed } from '#core/signed.ts';
import type { AgentContext } from './context.ts';

type StoreViewContext = Pick<
  AgentContext,
  'controlKey' | 'log' | 'now' | 'readBackMilliseconds' | 'server' | 'state' | 'stateFolder'
>;

/** What gives a store away that serves something old: an order that is gone again, or the agent's own word. */
type Evidence = 'order' | 'status';

type Stale = NonNullable<AgentStatus['staleStore']>;

/**
 * What the store shows this agent, for its status. An agent that hears nothing cannot tell a control plane that is silent
 * from a store that is frozen: the control plane can, by the newest order that the status says was shown. What no store
 * that shows all that was written can do, the agent sees for itself, and keeps in a file for `lockstep-agent doctor`.
 */
export class StoreView {
  readonly #context: StoreViewContext;
  readonly #stale: Map<Evidence, Stale>;
  #orders: AgentStatus['orders'];
  #readBackDue: number;

  private constructor(context: StoreViewContext, stale: Map<Evidence, Stale>) {
    this.#context = context;
    this.#stale = stale;
    this.#readBackDue = Date.now() + context.readBackMilliseconds;
  }

  static async open(context: StoreViewContext): Promise<StoreView> {
    const found = await readStaleStore(context.stateFolder);
    return new StoreView(context, new Map(Object.entries(found) as [Evidence, Stale][]));
  }

  /** Whether to look for the status that is about to be written; at once, while something is wrong. */
  get isReadBackDue(): boolean {
    return this.#stale.size > 0 || Date.now() >= this.#readBackDue;
  }

  describe(): Pick<AgentStatus, 'orders' | 'staleStore'> {
    const [staleStore] = this.#stale.values();
    return { ...(this.#orders && { orders: this.#orders }), ...(staleStore && { staleStore }) };
  }

  /** The current order is the one that it was at the last look. */
  showedNothingNew(): void {
    this.#look(this.#known);
  }

  /** `undefined`: no order, or nothing that is one. */
  async showed(order: Signed<Order> | undefined): Promise<void> {
    const known = this.#known;
    const shown = order !== undefined && this.#isForUs(order) ? order.payload : undefined;
    const sequence = shown?.sequence ?? 0;
    this.#look(Math.max(sequence, known), sequence >= known ? shown?.issuedAt : undefined);
    if (sequence >= known) await this.#clear('order');
    else
      await this.#accuse(
        'order',
        `it shows ${shown === undefined ? 'no order' : `order ${sequence}`} of the control plane, where order ${known} was`,
      );
  }

  /** What the store has of a status that was just written. */
  async readBack(written: Uint8Array, found: Uint8Array | undefined): Promise<void> {
    this.#readBackDue = Date.now() + this.#context.readBackMilliseconds;
    if (found !== undefined && Buffer.compare(written, found) === 0) return await this.#clear('status');
    await this.#accuse(
      'status',
      `it does not show the status that ${this.#context.server} has just written; or another agent runs under this name`,
    );
  }

  get #known(): number {
    const { state } = this.#context;
    return Math.max(this.#orders?.newest ?? 0, state.lastSequence, state.newest?.sequence ?? 0);
  }

  #look(newest: number, issuedAt?: string): void {
    const { now, state } = this.#context;
    const lookedAt = now().toISOString();
    if (this.#orders?.newest === newest) {
      this.#orders = { ...this.#orders, lookedAt };
      return;
    }
    const remembered = state.newest?.sequence === newest ? state.newest : undefined;
    this.#orders = { newest, since: issuedAt ?? remembered?.issuedAt ?? lookedAt, lookedAt };
  }

  /** Whether this agent could ever have been told this: it need not be new. */
  #isForUs(order: Signed<Order>): boolean {
    const { controlKey, server } = this.#context;
    try {
      assertObeyable(order, { server, controlKey, lastSequence: 0, now: new Date(0) });
      return true;
    } catch (error) {
      if (error instanceof OrderRefused) return false;
      throw error;
    }
  }

  async #accuse(evidence: Evidence, problem: string): Promise<void> {
    const { log, now } = this.#context;
    const detail = `what serves the store is frozen or old: ${problem}`;
    const known = this.#stale.get(evidence);
    if (known?.detail === detail) return;
    this.#stale.set(evidence, { since: known?.since ?? now().toISOString(), detail });
    log('store-frozen', { problem });
    await this.#save();
  }

  async #clear(evidence: Evidence): Promise<void> {
    if (!this.#stale.delete(evidence)) return;
    this.#context.log('store-no-longer-frozen', { evidence });
    await this.#save();
  }

  async #save(): Promise<void> {
    const path = join(this.#context.stateFolder, FILE);
    if (this.#stale.size === 0) return await rm(path, { force: true });
    await writeFileDurably(path, encodeDocument(Object.fromEntries(this.#stale)));
  }
}

/** What an agent has noticed of its store, and that has not ended since. */
export async function readStaleStore(stateFolder: string): Promise<Readonly<Partial<Record<Evidence, Stale>>>> {
  const path = join(stateFolder, FILE);
  try {
    const { order, status } = parseDocument(path, staleStoreSchema, await readFile(path));
    return { ...(order && { order }), ...(status && { status }) };
  } catch (error) {
    // A word that is lost is said again.
    if (hasCode(error, 'ENOENT') || error instanceof InvalidDocument) return {};
    throw error;
  }
}

const staleSchema = z.strictObject({ since: z.iso.datetime(), detail: z.string().max(400) });
const staleStoreSchema = z.strictObject({ order: staleSchema.optional(), status: staleSchema.optional() });
const FILE = 'stale-store.json';
