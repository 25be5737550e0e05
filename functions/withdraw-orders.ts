import { encodeDocument } from '#core/documents.ts';
import { approvalTokenId, keys, type OrderStep, orderId } from '#core/keys.ts';
import type { Order } from '#core/order.ts';
import { type SyncRequest, stockTakers } from '#core/sync.ts';
import type { Dependencies } from './dependencies.ts';
import { wasOrderIssued } from './issue-order.ts';
import { lookAtAll } from './look-at-all.ts';
import { dropToken } from './waiting.ts';

const STEPS: readonly OrderStep[] = ['inventory', 'apply'];

/**
 * Tells the agents that have not answered that nobody waits any more: an agent that comes late leaves its tree alone
 * instead of applying what the verdict says was not applied. The tokens that nobody answered go, too.
 */
export async function withdrawOrders(
  { store, now }: Pick<Dependencies, 'store' | 'now'>,
  request: SyncRequest,
): Promise<void> {
  const { sync, source } = request;
  await dropToken(store, approvalTokenId(sync));
  await lookAtAll(stockTakers(request), async (server) => {
    for (const step of STEPS) {
      const order = orderId(sync, step, server);
      await dropToken(store, order);
      const answered = (await store.head(keys.receipt(server, order))) !== undefined;
      // A source's snapshot counts only while its sync does: docs/design.md, Prune. So this holds for one issued late, too.
      const mayUpload = step === 'inventory' && server === source;
      if (answered || !(mayUpload || (await wasOrderIssued({ store }, { sync, step, server })))) continue;
      await withdrawOrder({ store, now }, { sync, step, server });
    }
  });
}

export async function withdrawOrder(
  { store, now }: Pick<Dependencies, 'store' | 'now'>,
  { server, step, sync }: Pick<Order, 'server' | 'step' | 'sync'>,
): Promise<void> {
  const order = orderId(sync, step, server);
  await store.put(keys.withdrawn(server, order), encodeDocument({ order, at: now().toISOString() }));
}
