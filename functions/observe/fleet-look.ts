import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { type Fleet, fleetSchema, fleetServers } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import type { Order } from '#core/order.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { AgentStatus } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { type Verifier, verifierOf } from '#core/signed.ts';
import type { SyncId, SyncRequest } from '#core/sync.ts';
import { lookAtAll } from '../look-at-all.ts';
import { readAgentKey } from '../sync-documents.ts';
import { parseOrder } from '../verification/issued-orders.ts';
import { overviewOf, type ServerOverview } from './look-at-servers.ts';
import { parseStatus } from './read-status.ts';
import { type LastResult, RecentSyncsReader } from './recent-syncs.ts';
import { Reread } from './reread.ts';

export interface FleetView {
  /** When it began to look. */
  readonly at: Date;
  readonly fleet: Fleet;
  /** In the order of the fleet file. */
  readonly servers: readonly ServerState[];
  /** The newest first. */
  readonly underWay: readonly SyncRequest[];
}

export interface ServerState extends ServerOverview {
  readonly last: LastResult | undefined;
  /** The sync under way that names it. */
  readonly now: { readonly sync: SyncId; readonly isSource: boolean } | undefined;
}

interface FleetLookOptions {
  readonly controlKey: () => Promise<string | undefined>;
  readonly now: () => Date;
  /** Who would get a view that is older waits for the next. 0 where nothing runs behind an answer. */
  readonly mostMilliseconds: number;
  /**
   * How long he waits; then he gets the older one, and whoever shows it says how old it is. Without it, after a look that
   * failed, and beside one that does not end, as long as it takes.
   */
  readonly patienceMilliseconds?: number;
}

/**
 * A whole fleet, read once for all who look at it: two reads a server, of which most find nothing new. For showing only;
 * nobody decides by it.
 */
export class FleetLook {
  readonly #store: ObjectStore;
  readonly #options: FleetLookOptions;
  readonly #fleet: Reread<Fleet>;
  readonly #syncs: RecentSyncsReader;
  #readers = new Map<ServerId, ServerReader>();
  #readersFrom = 0;
  #latest: FleetView | undefined;
  /** Nobody has asked for the latest, and who does next may know of something that is newer. */
  #isAhead = false;
  #ahead: Promise<void> = Promise.resolve();
  #underWay: { readonly begun: number; readonly next: Promise<FleetView | undefined> } | undefined;
  #hasFailed = false;

  constructor(store: ObjectStore, options: FleetLookOptions) {
    this.#store = store;
    this.#options = options;
    this.#fleet = new Reread(store, keys.fleet(), (body) => parseDocument(keys.fleet(), fleetSchema, body));
    this.#syncs = new RecentSyncsReader(store);
  }

  /** Some seconds old, or as old as the options say; `undefined` where there is no fleet file. */
  async look(): Promise<FleetView | undefined> {
    await this.#ahead;
    const { mostMilliseconds } = this.#options;
    const latest = this.#latest;
    const age = latest === undefined ? Number.POSITIVE_INFINITY : this.#millisecondsSince(latest.at.getTime());
    if (age < FRESH_MILLISECONDS && !this.#isAhead) return latest;
    const { next } = this.#lookAgain();
    if (latest === undefined || age >= mostMilliseconds || this.#isAhead) return await this.#waitFor(next, latest);
    // Whoever waits for it meets its failure, and so does everybody once this view is too old.
    next.catch(() => undefined);
    return latest;
  }

  /** Reads all that the first who asks would wait for: he then waits for what has changed since, and gets nothing older. */
  async readAhead(signal: AbortSignal): Promise<void> {
    const read = this.#lookNow(signal).then(() => {
      this.#isAhead = true;
    });
    this.#ahead = read.catch(() => undefined);
    await read;
  }

  #lookAgain(): { readonly next: Promise<FleetView | undefined> } {
    this.#underWay ??= {
      begun: this.#options.now().getTime(),
      next: this.#lookNow().finally(() => {
        this.#underWay = undefined;
      }),
    };
    return this.#underWay;
  }

  async #waitFor(next: Promise<FleetView | undefined>, older: FleetView | undefined): Promise<FleetView | undefined> {
    const { mostMilliseconds, patienceMilliseconds } = this.#options;
    const isStuck = this.#millisecondsSince(this.#underWay?.begun ?? 0) >= mostMilliseconds;
    if (older === undefined || patienceMilliseconds === undefined || this.#hasFailed || isStuck)
      return this.#goOn(await next);
    return await Promise.race([next, sleep(patienceMilliseconds, older, { ref: false })]);
  }

  /** A view that took so long that it is old by now is followed by the next at once, for whoever shows it says so. */
  #goOn(view: FleetView | undefined): FleetView | undefined {
    const { mostMilliseconds, patienceMilliseconds } = this.#options;
    if (
      view !== undefined &&
      patienceMilliseconds !== undefined &&
      this.#millisecondsSince(view.at.getTime()) >= mostMilliseconds
    )
      this.#lookAgain().next.catch(() => undefined);
    return view;
  }

  #millisecondsSince(time: number): number {
    return this.#options.now().getTime() - time;
  }

  async #lookNow(signal?: AbortSignal): Promise<FleetView | undefined> {
    try {
      this.#latest = await this.#read(signal);
      [this.#hasFailed, this.#isAhead] = [false, false];
      return this.#latest;
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  async #read(signal: AbortSignal | undefined): Promise<FleetView | undefined> {
    const at = this.#options.now();
    const fleet = await this.#fleet.read();
    return fleet && (await this.#lookAt(fleet, at, signal));
  }

  async #lookAt(fleet: Fleet, at: Date, signal: AbortSignal | undefined): Promise<FleetView> {
    const ids = fleetServers(fleet);
    const controlKey = await this.#options.controlKey();
    const isControl = controlKey === undefined ? undefined : verifierOf(controlKey);
    this.#forget(at);
    const readers = new Map(
      ids.map((id) => [id, this.#readers.get(id) ?? new ServerReader(this.#store, id, isControl)]),
    );
    this.#readers = readers;
    const look = { fleet, now: this.#options.now };
    const [overviews, { results, underWay }] = await Promise.all([
      lookAtAll([...readers], ([server, reader]) => {
        signal?.throwIfAborted();
        return overviewOf(look, server, reader);
      }),
      this.#syncs.look(new Set(ids), at),
    ]);
    const busy = busyServers(underWay);
    const stateOf = (one: ServerOverview) => ({ ...one, last: results.get(one.server), now: busy.get(one.server) });
    return { at, fleet, servers: overviews.map(stateOf), underWay };
  }

  /** Whose key was enrolled when is asked for again from time to time. */
  #forget(at: Date): void {
    if (at.getTime() - this.#readersFrom < FORGET_MILLISECONDS) return;
    this.#readers.clear();
    this.#readersFrom = at.getTime();
  }
}

function busyServers(underWay: readonly SyncRequest[]): Map<ServerId, NonNullable<ServerState['now']>> {
  const busy = new Map<ServerId, NonNullable<ServerState['now']>>();
  for (const { destinations, source, sync } of underWay.toReversed()) {
    for (const server of destinations) busy.set(server, { sync, isSource: false });
    busy.set(source, { sync, isSource: true });
  }
  return busy;
}

/** What one server says, and what it was told. */
class ServerReader {
  readonly #store: ObjectStore;
  readonly #server: ServerId;
  readonly #status: Reread<AgentStatus>;
  readonly #order: Reread<Order | undefined> | undefined;
  #isSigned: Verifier | undefined;

  constructor(store: ObjectStore, server: ServerId, isControl: Verifier | undefined) {
    const current = keys.currentOrder(server);
    this.#store = store;
    this.#server = server;
    this.#status = new Reread(store, keys.status(server), (body) => this.#parseStatus(body));
    this.#order =
      isControl === undefined
        ? undefined
        : new Reread(store, current, (body) => parseOrder({ isSigned: isControl, server }, current, body));
  }

  readStatus(): Promise<AgentStatus | undefined> {
    return this.#status.read();
  }

  async findCurrentOrder(): Promise<Order | undefined> {
    return await this.#order?.read();
  }

  async #parseStatus(body: Uint8Array): Promise<AgentStatus> {
    try {
      this.#isSigned ??= await readAgentKey(this.#store, this.#server);
      return parseStatus(this.#server, body, this.#isSigned);
    } catch (error) {
      if (!(error instanceof InvalidDocument)) throw error;
      // It may have been enrolled anew.
      this.#isSigned = await readAgentKey(this.#store, this.#server);
      return parseStatus(this.#server, body, this.#isSigned);
    }
  }
}

const FRESH_MILLISECONDS = 5000;
const FORGET_MILLISECONDS = 600_000;
