import pLimit from 'p-limit';
import { InvalidDocument } from '#core/errors.ts';
import { type Fleet, fleetServers } from '#core/fleet.ts';
import type { Order } from '#core/order.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { AgentStatus } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { findStaleView, type StaleView } from '#core/stale-view.ts';
import { findCurrentOrder } from '../verification/issued-orders.ts';
import { readStatus } from './read-status.ts';

export interface ServerOverview {
  readonly server: ServerId;
  /** What its agent said last; `undefined` before its first word. */
  readonly status: AgentStatus | undefined;
  /** Whether that is longer ago than the fleet file allows. */
  readonly offline: boolean;
  /** What a person should look into. */
  readonly trouble?: ServerTrouble | undefined;
}

export type ServerTrouble =
  /** It, or this program, is shown an old store. */
  | ({ readonly kind: 'stale-view' } & StaleView)
  /** What its agent said last is not that. */
  | { readonly kind: 'bad-status'; readonly detail: string };

export interface LookAtServers {
  readonly store: ObjectStore;
  readonly fleet: Fleet;
  readonly controlKey: string | undefined;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** When each server was last heard of, in the order of the fleet file. */
export async function lookAtServers(look: LookAtServers): Promise<ServerOverview[]> {
  const parallel = pLimit(PARALLEL_READS);
  return await Promise.all(fleetServers(look.fleet).map((server) => parallel(() => lookAtServer(look, server))));
}

export async function lookAtServer(
  { controlKey, fleet, now, signal, store }: LookAtServers,
  server: ServerId,
): Promise<ServerOverview> {
  return await overviewOf({ fleet, now }, server, {
    readStatus: () => readStatus(store, server, signal),
    findCurrentOrder: async () =>
      controlKey === undefined ? undefined : await findCurrentOrder({ store, controlKey, server }),
  });
}

/** However it is read what a server says, and what it was told. */
export interface ServerWords {
  /** InvalidDocument for what its agent did not sign. */
  readStatus(): Promise<AgentStatus | undefined>;
  /** Of those that the control plane has signed. */
  findCurrentOrder(): Promise<Order | undefined>;
}

export async function overviewOf(
  { fleet, now }: Pick<LookAtServers, 'fleet' | 'now'>,
  server: ServerId,
  words: ServerWords,
): Promise<ServerOverview> {
  const patience = fleet.timeouts['offline-seconds'] * 1000;
  try {
    const status = await words.readStatus();
    if (status === undefined) return { server, status, offline: true };
    const offline = now().getTime() - Date.parse(status.seenAt) > patience;
    // After the status: an order that the agent has seen by then is there by now.
    const current = await words.findCurrentOrder();
    const stale = findStaleView(status, current, patience);
    return { server, status, offline, ...(stale && { trouble: { kind: 'stale-view', ...stale } }) };
  } catch (error) {
    // What one of them wrote must not hide the others.
    if (!(error instanceof InvalidDocument)) throw error;
    return { server, status: undefined, offline: true, trouble: { kind: 'bad-status', detail: error.message } };
  }
}

const PARALLEL_READS = 16;
