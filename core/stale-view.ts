import type { Order } from './order.ts';
import type { AgentStatus } from './receipt.ts';

/** One of two is shown something old. */
export interface StaleView {
  readonly since: string;
  readonly detail: string;
}

/**
 * Whether an agent and the control plane are shown the same store: `current` is the newest order, read after the status.
 * An agent at work looks for none meanwhile, so it counts when it looked, not when it spoke. `patienceMilliseconds` is
 * also by how much clocks may differ.
 */
export function findStaleView(
  { orders, staleStore }: AgentStatus,
  current: Pick<Order, 'sequence' | 'issuedAt'> | undefined,
  patienceMilliseconds: number,
): StaleView | undefined {
  if (staleStore !== undefined) return { since: staleStore.since, detail: `its agent says: ${staleStore.detail}` };
  if (orders === undefined) return undefined;
  const newest = current?.sequence ?? 0;
  if (orders.newest > newest) {
    const here = newest === 0 ? 'none' : `order ${newest}`;
    const detail = `its agent was shown order ${orders.newest}, this command is shown ${here}: what serves the store here is frozen or old, or the store was put back`;
    return { since: orders.since, detail };
  }
  if (current === undefined || orders.newest === newest) return undefined;
  if (Date.parse(orders.lookedAt) - Date.parse(current.issuedAt) <= patienceMilliseconds) return undefined;
  const there = orders.newest === 0 ? 'no order' : `order ${orders.newest}`;
  const detail = `at ${orders.lookedAt} its agent was shown ${there}, though order ${newest} was issued at ${current.issuedAt}: what serves the store there is frozen or old`;
  return { since: current.issuedAt, detail };
}
