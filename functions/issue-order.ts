import { encodeDocument, parseDocument } from '#core/documents.ts';
import { StoreConflict, StorePrecondition } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import { ORDER_FORMAT, type Order, signedOrderSchema } from '#core/order.ts';
import { type Signed, sign } from '#core/signed.ts';
import type { Dependencies } from './dependencies.ts';

type StepFields<O> = O extends Order ? Omit<O, 'format' | 'order' | 'sequence' | 'issuedAt' | 'expiresAt'> : never;

/** An order without what issuing it adds. */
export type OrderDraft = StepFields<Order>;

type OrderDependencies = Pick<Dependencies, 'store' | 'signer' | 'now'>;

/**
 * Publishes one order per sync, step and server, however often it is called. The numbered object reserves the
 * sequence, the sync's record says which one counts, and only then the server's current order points to it; a stop
 * in between leaves at most a reserved order that nobody is told to obey.
 */
export async function issueOrder(
  dependencies: OrderDependencies,
  draft: OrderDraft,
  offlineSeconds: number,
): Promise<void> {
  const recordKey = keys.orderRecord(draft.sync, draft.step, draft.server);
  const record = (await readOrder(dependencies, recordKey)) ?? (await recordOrder(dependencies, draft, offlineSeconds));
  await publish(dependencies, record.order);
}

export async function wasOrderIssued(
  { store }: Pick<Dependencies, 'store'>,
  draft: Pick<Order, 'sync' | 'step' | 'server'>,
): Promise<boolean> {
  return (await store.head(keys.orderRecord(draft.sync, draft.step, draft.server))) !== undefined;
}

async function recordOrder(
  dependencies: OrderDependencies,
  draft: OrderDraft,
  offlineSeconds: number,
): Promise<StoredOrder> {
  const reserved = await reserve(dependencies, draft, offlineSeconds);
  const key = keys.orderRecord(draft.sync, draft.step, draft.server);
  try {
    const { etag } = await dependencies.store.create(key, encodeDocument(reserved));
    return { order: reserved, etag };
  } catch (error) {
    const earlier = error instanceof StorePrecondition ? await readOrder(dependencies, key) : undefined;
    if (earlier === undefined) throw error;
    return earlier;
  }
}

async function reserve(
  dependencies: OrderDependencies,
  draft: OrderDraft,
  offlineSeconds: number,
): Promise<Signed<Order>> {
  const { store, signer, now } = dependencies;
  const current = await readOrder(dependencies, keys.currentOrder(draft.server));
  const issuedAt = now();
  for (let sequence = (current?.order.payload.sequence ?? 0) + 1; ; sequence++) {
    const order: Order = {
      ...draft,
      format: ORDER_FORMAT,
      order: orderId(draft.sync, draft.step, draft.server),
      sequence,
      issuedAt: issuedAt.toISOString(),
      expiresAt: new Date(issuedAt.getTime() + offlineSeconds * 1000).toISOString(),
    };
    const signed = await sign(order, signer);
    try {
      await store.create(keys.order(draft.server, sequence), encodeDocument(signed));
      return signed;
    } catch (error) {
      if (!(error instanceof StorePrecondition)) throw error;
    }
  }
}

/** Points the server to this order, unless it points to it or to a later one already. */
async function publish(dependencies: OrderDependencies, order: Signed<Order>): Promise<void> {
  const { store } = dependencies;
  const key = keys.currentOrder(order.payload.server);
  for (;;) {
    const current = await readOrder(dependencies, key);
    if (current !== undefined && current.order.payload.sequence >= order.payload.sequence) return;
    try {
      if (current === undefined) await store.create(key, encodeDocument(order));
      else await store.replace(key, encodeDocument(order), current.etag);
      return;
    } catch (error) {
      if (!(error instanceof StorePrecondition || error instanceof StoreConflict)) throw error;
    }
  }
}

interface StoredOrder {
  readonly order: Signed<Order>;
  readonly etag: string;
}

async function readOrder({ store }: OrderDependencies, key: string): Promise<StoredOrder | undefined> {
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  return { order: parseDocument(key, signedOrderSchema, stored.body), etag: stored.etag };
}
