import { OrderRefused } from '#core/errors.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import type { Order } from '#core/order.ts';
import type { AgentContext } from './context.ts';

/** Throws OrderRefused once the control plane has said that nobody waits for this order any more. */
export async function assertAwaited({ store }: AgentContext, order: Order, signal: AbortSignal): Promise<void> {
  const key = keys.withdrawn(order.server, parseOrderId(order.order));
  if ((await store.head(key, { signal })) === undefined) return;
  throw new OrderRefused('WITHDRAWN', `sync ${order.sync} has ended without this server; start a new sync`);
}
