import pLimit from 'p-limit';
import * as z from 'zod';
import type { Vote } from '#core/approval.ts';
import { MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import { signedOrderSchema } from '#core/order.ts';
import type { Plan } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type Progress, type Receipt, signedReceiptSchema } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { stockTakers } from '#core/sync.ts';
import { endedWell } from '#core/verdict.ts';
import { loadVotes } from '../approval/cast-vote.ts';
import { serversOfWave } from '../waves.ts';
import type { SyncView } from './observe-sync.ts';

/** When what happened in a sync: a bounded share of it, whatever the number of destinations. Times are ISO 8601. */
export interface SyncTimes {
  /** Answers of those that took stock, the earliest first; `undefined` while some are awaited, or where they are many. */
  readonly stock: readonly Receipt[] | undefined;
  /** When the approvers were asked. */
  readonly asked: string | undefined;
  readonly votes: readonly Vote[];
  /** Those that have begun, in groups where they are many. */
  readonly waves: readonly WaveTimes[];
  /** All that were ordered to apply or, of many, those to look at first. */
  readonly destinations: readonly DestinationTimes[];
  /** With changes, whether or not it was their turn yet. */
  readonly planned: number;
  readonly halted: Halted | undefined;
  readonly cancelled: Cancelled | undefined;
}

export interface WaveTimes {
  /** Numbers of the first and the last of the group, from 1. */
  readonly first: number;
  readonly last: number;
  readonly servers: number;
  readonly begun: string;
  /** `undefined` while it is under way. */
  readonly ended: string | undefined;
}

/** As the server says it, by its own clock; `ordered` is by that of the control plane. */
export interface DestinationTimes {
  readonly server: ServerId;
  readonly ordered: string;
  readonly progress: Progress | undefined;
  readonly receipt: Receipt | undefined;
}

const haltedSchema = z.object({ wave: z.int(), bad: z.int(), budget: z.int(), at: z.iso.datetime() });
const cancelledSchema = z.object({ by: z.string(), at: z.iso.datetime() });
const askedSchema = z.object({ at: z.iso.datetime() });

type Halted = z.infer<typeof haltedSchema>;
type Cancelled = z.infer<typeof cancelledSchema>;

/** Looks again and again at the same sync; what is created once is read once. For showing only: nobody decides by it. */
export class SyncTimesReader {
  readonly #store: ObjectStore;
  readonly #found = new Map<string, unknown>();
  /** Once they have made a decision. */
  #votes: readonly Vote[] | undefined;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  async read(view: SyncView): Promise<SyncTimes> {
    const { phase, plan, request, verdict } = view;
    const { sync } = request;
    const waves = plan === undefined ? [] : await this.#readWaves(view, plan);
    return {
      stock: phase === 'inventory' ? undefined : await this.#readStock(view),
      asked: plan && (await this.#once(keys.approvalRequested(sync), askedSchema))?.at,
      votes: plan === undefined ? [] : await this.#readVotes(view, plan),
      waves,
      destinations: plan === undefined ? [] : await this.#readDestinations(view, waves),
      planned: plan?.destinations.filter(({ outcome }) => outcome === 'changes').length ?? 0,
      halted: verdict?.verdict === 'HALTED' ? await this.#once(keys.halted(sync), haltedSchema) : undefined,
      cancelled: view.cancelled ? await this.#once(keys.cancelled(sync), cancelledSchema) : undefined,
    };
  }

  async #readStock({ request }: SyncView): Promise<readonly Receipt[] | undefined> {
    const servers = stockTakers(request);
    if (servers.length > MOST_STOCK_TAKERS) return undefined;
    const answers = await inParallel(servers, (server) => this.#readReceipt(server, 'inventory', request.sync));
    const found = answers.filter((answer) => answer !== undefined);
    if (found.length < servers.length) return undefined;
    return found.toSorted((a, b) => (a.finishedAt < b.finishedAt ? -1 : 1));
  }

  async #readVotes({ decision }: SyncView, plan: Plan): Promise<readonly Vote[]> {
    const votes = this.#votes ?? (await loadVotes({ store: this.#store }, plan));
    if (decision !== undefined) this.#votes = votes;
    return votes;
  }

  /** A wave begins with its first order, and ends where the next begins or the sync ends. */
  async #readWaves({ request, verdict, wave: newest }: SyncView, plan: Plan): Promise<WaveTimes[]> {
    const { waveSize } = request;
    const servers = serversOfWave(plan, Number.MAX_SAFE_INTEGER, 0).length;
    const all = Math.ceil(servers / waveSize);
    const step = Math.ceil(all / MOST_WAVES);
    const begun: Omit<WaveTimes, 'ended'>[] = [];
    for (let wave = 0; wave < all && wave <= newest; wave += step) {
      const at = await this.#findFirstOrder(plan, serversOfWave(plan, waveSize, wave));
      if (at === undefined) break;
      const last = Math.min(wave + step, all);
      begun.push({ first: wave + 1, last, servers: Math.min(last * waveSize, servers) - wave * waveSize, begun: at });
    }
    return begun.map((wave, index) => ({ ...wave, ended: begun[index + 1]?.begun ?? verdict?.finishedAt }));
  }

  async #findFirstOrder(plan: Plan, servers: readonly ServerId[]): Promise<string | undefined> {
    for (const server of servers.slice(0, MOST_ASKED)) {
      const at = await this.#readOrderTime(plan, server);
      if (at !== undefined) return at;
    }
    return undefined;
  }

  async #readDestinations(view: SyncView, waves: readonly WaveTimes[]): Promise<DestinationTimes[]> {
    const { plan, request, verdict } = view;
    const newest = waves.at(-1);
    if (plan === undefined || newest === undefined) return [];
    const begun = serversOfWave(plan, newest.last * request.waveSize, 0);
    const bad = verdict?.destinations.filter((one) => one.receipt !== null && !endedWell(one)) ?? [];
    const atWork = begun.length > MOST_DESTINATIONS ? begun.slice((newest.last - 1) * request.waveSize) : [];
    const first = new Set([...bad.map(({ server }) => server), ...atWork, ...begun]);
    const shown = new Set([...first].slice(0, MOST_DESTINATIONS));
    const seen = new Map(view.servers.map((one) => [one.server, one]));
    const read = await inParallel(
      begun.filter((server) => shown.has(server)),
      async (server) => {
        const ordered = await this.#readOrderTime(plan, server);
        if (ordered === undefined) return undefined;
        const { progress, receipt } = seen.get(server) ?? {};
        if (verdict === undefined) return { server, ordered, receipt, progress };
        const answer = receipt ?? (await this.#readReceipt(server, 'apply', plan.sync));
        return { server, ordered, receipt: answer, progress: undefined };
      },
    );
    return read.filter((one) => one !== undefined);
  }

  async #readOrderTime({ sync }: Plan, server: ServerId): Promise<string | undefined> {
    return (await this.#once(keys.orderRecord(sync, 'apply', server), signedOrderSchema))?.payload.issuedAt;
  }

  async #readReceipt(server: ServerId, step: 'inventory' | 'apply', sync: Plan['sync']): Promise<Receipt | undefined> {
    const order = orderId(sync, step, server);
    const receipt = (await this.#once(keys.receipt(server, order), signedReceiptSchema))?.payload;
    return receipt?.server === server && receipt.order === order ? receipt : undefined;
  }

  async #once<T>(key: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const known = this.#found.get(key) as T | undefined;
    const found = known ?? (await this.#read(key, schema));
    if (found !== undefined) this.#found.set(key, found);
    return found;
  }

  /** A broken word of one party is as good as none; it must not stop the view of the others. */
  async #read<T>(key: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const stored = await this.#store.get(key);
    try {
      return stored && parseDocument(key, schema, stored.body, MAX_SIGNED_BYTES);
    } catch (error) {
      if (error instanceof InvalidDocument) return undefined;
      throw error;
    }
  }
}

async function inParallel<T>(servers: readonly ServerId[], read: (server: ServerId) => Promise<T>): Promise<T[]> {
  const parallel = pLimit(PARALLEL_READS);
  return await Promise.all(servers.map((server) => parallel(() => read(server))));
}

const MOST_STOCK_TAKERS = 50;
const MOST_WAVES = 24;
const MOST_DESTINATIONS = 20;
/** Of the destinations of a wave; the first has no order where the sync was stopped at that moment. */
const MOST_ASKED = 3;
const PARALLEL_READS = 16;
