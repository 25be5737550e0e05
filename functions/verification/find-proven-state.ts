import type { Sha256 } from '#core/digest.ts';
import { filesAfter, filesOf, type StateFile } from '#core/drift.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import { entriesOf } from '#core/manifest-lines.ts';
import type { Order } from '#core/order.ts';
import { decodePart, type Plan, type PlanPart } from '#core/plan.ts';
import type { ApplyReceipt, InventoryReceipt } from '#core/receipt.ts';
import { findReceiptFlaw } from '#core/verdict.ts';
import { loadManifest } from '../plan/stock.ts';
import { loadPlan, loadReceipt } from '../sync-documents.ts';
import { issuedOrders, type OrdersOf } from './issued-orders.ts';

/** What a server is known to have held, by a receipt that it signed. */
export interface ProvenState {
  /** That the receipt answers. */
  readonly order: Order;
  readonly receipt: string;
  /** By the agent's clock. */
  readonly finishedAt: string;
  readonly profile: Sha256;
  readonly state: Sha256;
  readonly protectedState: Sha256;
  /** In order of path; throws InvalidDocument where the store no longer has what it takes to say. */
  readonly files: () => Promise<Iterable<StateFile>>;
}

/**
 * What the last good receipt of a server says, of those before the order of this number: it was written as planned, or
 * found to be in sync, or was the source. An inventory of which no plan says so proves nothing, as that of a verification.
 */
export async function findProvenState(orders: OrdersOf, below?: number): Promise<ProvenState | undefined> {
  for await (const { order } of issuedOrders(orders, below)) {
    const proven = order && (await orUndefined(() => findProof(orders, order)));
    if (proven !== undefined) return proven;
  }
  return undefined;
}

async function findProof(orders: OrdersOf, order: Order): Promise<ProvenState | undefined> {
  const { server, store } = orders;
  const receipt = await loadReceipt(store, server, parseOrderId(order.order));
  switch (receipt?.outcome) {
    case 'SUCCEEDED':
      return await provenByApply(orders, order, receipt);
    case 'DONE':
      return await provenByInventory(orders, order, receipt);
    default:
      return undefined;
  }
}

async function provenByApply(
  { controlKey, server, store }: OrdersOf,
  order: Order,
  receipt: ApplyReceipt,
): Promise<ProvenState | undefined> {
  const plan = await loadPlan(store, order.sync, controlKey);
  const stored = await store.get(keys.part(order.sync, server, receipt.part));
  if (plan === undefined || stored === undefined) return undefined;
  const part = decodePart(stored.body, receipt.part);
  if (findReceiptFlaw(receipt, plan, part.header) !== undefined) return undefined;
  return {
    ...told(order, receipt),
    ...receipt.after,
    profile: part.header.profile,
    files: async () => filesAfterPart(await loadManifest(store, server, part.header.destinationManifest), part),
  };
}

async function provenByInventory(
  { controlKey, server, store }: OrdersOf,
  order: Order,
  receipt: InventoryReceipt,
): Promise<ProvenState | undefined> {
  const plan = await loadPlan(store, order.sync, controlKey);
  if (plan === undefined || !isProof(plan, order)) return undefined;
  const { manifest, profile, protectedState, state } = receipt.summary;
  return {
    ...told(order, receipt),
    ...{ profile, protectedState, state },
    files: async () => filesOf(entriesOf(await loadManifest(store, server, manifest))),
  };
}

/** To lack nothing of some classes, or nothing that a rollback puts back, says little about the rest. */
function isProof({ destinations, policy, source }: Plan, { server }: Order): boolean {
  if (source.server === server) return true;
  const isWhole = policy.only === undefined && policy.mode !== 'rollback';
  return isWhole && destinations.some((planned) => planned.server === server && planned.outcome === 'in-sync');
}

function filesAfterPart(manifest: Parameters<typeof entriesOf>[0], { operations }: PlanPart): Iterable<StateFile> {
  return filesAfter(entriesOf(manifest), operations);
}

function told(order: Order, { finishedAt }: ApplyReceipt | InventoryReceipt) {
  return { order, finishedAt, receipt: keys.receipt(order.server, parseOrderId(order.order)) };
}

/** A receipt that does not hold proves nothing; an earlier one may. */
async function orUndefined<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}
