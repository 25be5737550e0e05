import { parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { type Order, signedOrderSchema } from '#core/order.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import { type Verifier, verifierOf } from '#core/signed.ts';

export interface OrdersOf {
  readonly store: ObjectStore;
  /** What orders must be signed with. */
  readonly controlKey: string;
  readonly server: ServerId;
}

/** What lies at one number of a server's orders. */
export interface IssuedOrder {
  readonly sequence: number;
  /** `undefined` where it is missing, or not what the control plane has signed. */
  readonly order: Order | undefined;
}

/** The newest order of a server as the store shows it here; `undefined` before the first. */
export async function findCurrentOrder(orders: OrdersOf): Promise<Order | undefined> {
  return await readOrder(orders, keys.currentOrder(orders.server));
}

/**
 * The orders of a server, the newest first, one number after the other; from the current one on, or below a number. An
 * order that was numbered twice, because an attempt to issue it was cut off, comes once.
 */
export async function* issuedOrders(orders: OrdersOf, below?: number): AsyncGenerator<IssuedOrder> {
  const newest = below === undefined ? ((await findCurrentOrder(orders))?.sequence ?? 0) : below - 1;
  let last: string | undefined;
  for (let first = newest; first > 0; first -= READ_AHEAD) {
    const sequences = Array.from({ length: Math.min(READ_AHEAD, first) }, (_, index) => first - index);
    const read = await Promise.all(sequences.map((sequence) => readNumbered(orders, sequence)));
    for (const issued of read) {
      if (issued.order !== undefined && issued.order.order === last) continue;
      last = issued.order?.order;
      yield issued;
    }
  }
}

/** The number under which a sync's order counts; `undefined` where none was issued. */
export async function issuedSequence(
  orders: OrdersOf,
  { step, sync }: Pick<Order, 'step' | 'sync'>,
): Promise<number | undefined> {
  return (await readOrder(orders, keys.orderRecord(sync, step, orders.server)))?.sequence;
}

async function readNumbered(orders: OrdersOf, sequence: number): Promise<IssuedOrder> {
  const order = await readOrder(orders, keys.order(orders.server, sequence));
  return { sequence, order: order?.sequence === sequence ? order : undefined };
}

async function readOrder(orders: OrdersOf, key: string): Promise<Order | undefined> {
  const stored = await orders.store.get(key);
  return stored && parseOrder({ server: orders.server, isSigned: verifierOf(orders.controlKey) }, key, stored.body);
}

/** `undefined` for what the control plane did not sign for this server. */
export function parseOrder(
  { isSigned, server }: { readonly server: ServerId; readonly isSigned: Verifier },
  key: string,
  body: Uint8Array,
): Order | undefined {
  try {
    const signed = parseDocument(key, signedOrderSchema, body);
    return isSigned(signed) && signed.payload.server === server ? signed.payload : undefined;
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

/** Numbers that are asked for at the same time. */
const READ_AHEAD = 8;
