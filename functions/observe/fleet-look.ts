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
  /** A view that is older is shown to nobody: who asks then waits for the next. 0 where nothing runs behind an answer. */
  readonly mostMilliseconds: number;
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
  #underWay: Promise<FleetView | undefined> | undefined;

  constructor(store: ObjectStore, options: FleetLookOptions) {
    this.#store = store;
    this.#options = options;
    this.#fleet = new Reread(store, keys.fleet(), (body) => parseDocument(keys.fleet(), fleetSchema, body));
    this.#syncs = new RecentSyncsReader(store);
  }

  /** Some seconds old at most; `undefined` where there is no fleet file. */
  async look(): Promise<FleetView | undefined> {
    const latest = this.#latest;
    const age = latest === undefined ? Number.POSITIVE_INFINITY : this.#options.now().getTime() - latest.at.getTime();
    if (age < FRESH_MILLISECONDS) return latest;
    this.#underWay ??= this.#lookNow().finally(() => {
      this.#underWay = undefined;
    });
    if (age >= this.#options.mostMilliseconds) return await this.#underWay;
    // Whoever waits for it meets its failure, and so does everybody once this view is too old.
    this.#underWay.catch(() => undefined);
    return latest;
  }

  async #lookNow(): Promise<FleetView | undefined> {
    const at = this.#options.now();
    const fleet = await this.#fleet.read();
    this.#latest = fleet && (await this.#lookAt(fleet, at));
    return this.#latest;
  }

  async #lookAt(fleet: Fleet, at: Date): Promise<FleetView> {
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
      lookAtAll([...readers], ([server, reader]) => overviewOf(look, server, reader)),
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
