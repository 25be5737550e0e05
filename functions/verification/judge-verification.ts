import type { DriftedFile } from '#core/drift.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import { printable } from '#core/printable.ts';
import { type InventoryReceipt, summaryIn } from '#core/receipt.ts';
import type { SyncId } from '#core/sync.ts';
import type { DestinationVerdict, Verification } from '#core/verdict.ts';
import { notAttempted } from '../report/judge-destination.ts';
import { loadReceipt } from '../sync-documents.ts';
import { driftSince, isAsProven } from './find-drift.ts';
import { findProvenState, type ProvenState } from './find-proven-state.ts';
import { issuedSequence, type OrdersOf } from './issued-orders.ts';

/** Whether a server that was told to read every file holds what its last good receipt says. */
export async function judgeVerification(orders: OrdersOf, sync: SyncId): Promise<DestinationVerdict> {
  const { server } = orders;
  try {
    const sequence = await issuedSequence(orders, { sync, step: 'inventory' });
    if (sequence === undefined) return notAttempted(server);
    const order = orderId(sync, 'inventory', server);
    const receipt = await loadReceipt(orders.store, server, order);
    if (receipt === undefined) return { ...notAttempted(server), verdict: 'OFFLINE', detail: SILENT };
    const answered = { ...notAttempted(server), receipt: keys.receipt(server, order) };
    if (receipt.outcome === 'DONE' && receipt.full === true) {
      const proven = await findProvenState(orders, sequence);
      return { ...answered, ...seen(receipt), ...(await compare(orders, receipt, proven)) };
    }
    const { reason = undefined, detail = 'it does not say that it has read every file' } =
      'detail' in receipt ? receipt : {};
    return { ...answered, verdict: reason === undefined ? 'FAILED' : 'REFUSED', ...(reason && { reason }), detail };
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    return { ...notAttempted(server), verdict: 'FAILED', reason: 'INVALID_RECEIPT', detail: error.message };
  }
}

type Judgement = Pick<DestinationVerdict, 'verdict' | 'reason' | 'detail' | 'verification'>;

async function compare(orders: OrdersOf, found: InventoryReceipt, proven: ProvenState | undefined): Promise<Judgement> {
  if (proven === undefined) return { verdict: 'REFUSED', reason: 'NO_RECEIPT', detail: NO_RECEIPT };
  if (proven.profile !== found.summary.profile)
    return { verdict: 'REFUSED', reason: 'PROFILE', detail: otherProfile(proven) };
  const { finishedAt, order, receipt } = proven;
  const { artifacts, bytes, protected: kept } = found.summary;
  const verification: Verification = { receipt, finishedAt, sync: order.sync, files: artifacts + kept, bytes };
  if (isAsProven(found, proven)) return { verdict: 'VERIFIED', verification };
  try {
    const { detail, drift } = await sumUp(driftSince(orders.store, found, proven));
    return { verdict: 'DRIFTED', detail, verification: { ...verification, drift } };
  } catch (error) {
    // That it has drifted is signed all the same.
    if (!(error instanceof InvalidDocument)) throw error;
    return { verdict: 'DRIFTED', detail: `which files differ cannot be told: ${error.message}`, verification };
  }
}

async function sumUp(
  files: AsyncIterable<DriftedFile>,
): Promise<{ readonly detail: string; readonly drift: NonNullable<Verification['drift']> }> {
  const drift = { changed: 0, missing: 0, added: 0 };
  const first: string[] = [];
  for await (const { change, path } of files) {
    drift[change]++;
    if (first.length < MOST_NAMED) first.push(printable(path));
  }
  const counts = Object.entries(drift).filter(([, files]) => files > 0);
  const more = counts.reduce((sum, [, files]) => sum + files, -first.length);
  const said = counts.map(([change, files]) => `${files} ${change}`).join(', ');
  return {
    detail: `${said}: ${first.join(', ')}${more > 0 ? ` and ${more} more` : ''}`.slice(0, LONGEST_DETAIL),
    drift,
  };
}

function seen(receipt: InventoryReceipt) {
  const { protected: kept, unrecognised } = summaryIn(receipt);
  return { protected: kept, unrecognised };
}

function otherProfile({ finishedAt, order }: ProvenState): string {
  return `its profile is not the one of its last receipt (sync ${order.sync}, ${finishedAt}): sync it under this one, or verify it under that one`;
}

const SILENT = 'it did not answer in time: is its agent running?';
const NO_RECEIPT = 'no sync has left a receipt here yet, so there is nothing to compare with: sync it first';
const MOST_NAMED = 5;
const LONGEST_DETAIL = 2000;
