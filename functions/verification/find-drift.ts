import { type DriftedFile, filesOf, findDrift, StateSum } from '#core/drift.ts';
import { InvalidDocument } from '#core/errors.ts';
import { orderId } from '#core/keys.ts';
import { entriesOf } from '#core/manifest-lines.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { InventoryReceipt } from '#core/receipt.ts';
import type { SyncId } from '#core/sync.ts';
import { loadManifest } from '../plan/stock.ts';
import { loadReceipt } from '../sync-documents.ts';
import { findProvenState, type ProvenState } from './find-proven-state.ts';
import { issuedSequence, type OrdersOf } from './issued-orders.ts';

/** What a verification of a server has found; nothing where it has found nothing, or came to no comparison. */
export async function* driftFoundBy(orders: OrdersOf, sync: SyncId): AsyncGenerator<DriftedFile> {
  const { server, store } = orders;
  const sequence = await issuedSequence(orders, { sync, step: 'inventory' });
  const found = await loadReceipt(store, server, orderId(sync, 'inventory', server));
  const proven = sequence === undefined ? undefined : await findProvenState(orders, sequence);
  if (found?.outcome === 'DONE' && proven !== undefined) yield* driftSince(store, found, proven);
}

export function isAsProven({ summary }: InventoryReceipt, proven: ProvenState): boolean {
  return summary.state === proven.state && summary.protectedState === proven.protectedState;
}

/**
 * What a server holds otherwise than its last good receipt says, in order of path, none of it ever held. Throws
 * InvalidDocument, at the end at the latest, where the manifests in the store are not those that the receipts name.
 */
export async function* driftSince(
  store: ObjectStore,
  found: InventoryReceipt,
  proven: ProvenState,
): AsyncGenerator<DriftedFile> {
  const expected = new StateSum();
  const manifest = await loadManifest(store, found.server, found.summary.manifest);
  yield* findDrift(expected.over(await proven.files()), filesOf(entriesOf(manifest)));
  const { protectedState, state } = expected.states();
  if (state !== proven.state || protectedState !== proven.protectedState)
    throw new InvalidDocument(proven.receipt, 'what it says cannot be put together from the store any more');
}
