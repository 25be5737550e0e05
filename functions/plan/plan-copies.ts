import { SourceUnavailable } from '#core/errors.ts';
import { orderId } from '#core/keys.ts';
import type { LeftOut } from '#core/manifest.ts';
import { findLeftOut, type StoredManifest, summaryOf } from '#core/manifest-lines.ts';
import type { Plan } from '#core/plan.ts';
import { type InventoryReceipt, summaryIn } from '#core/receipt.ts';
import type { CopyMode, SyncRequest } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { readFleet } from '../read-fleet.ts';
import { loadReceipt } from '../sync-documents.ts';
import { TransferEstimator } from './estimate-transfer.ts';
import { assertSummary, planDestination } from './plan-destination.ts';
import type { PlanDependencies, Planning } from './planning.ts';
import { loadManifest } from './stock.ts';

const MOST_LEFT_OUT = 10;

/** For what destinations lack or have otherwise than the source. */
export async function openCopies({ store }: PlanDependencies, request: SyncRequest, mode: CopyMode): Promise<Planning> {
  const source = await readSource(store, request);
  const fleet = await readFleet(store);
  const estimator = new TransferEstimator(store, source.receipt.snapshot);
  return {
    entries: source.receipt.summary.artifacts,
    assertSource: () => assertSummary(source, summaryOf(source.manifest)),
    describeSource: () => describeSource(source, request),
    planDestination: (server) => planDestination({ store, request, mode, source, server, estimator, fleet }),
  };
}

export interface PlanningSource {
  readonly receipt: InventoryReceipt & { readonly snapshot: NonNullable<InventoryReceipt['snapshot']> };
  readonly manifest: StoredManifest;
}

function describeSource(source: PlanningSource, request: SyncRequest): Plan['source'] {
  const { bytesUploaded, secondsUploading, summary } = source.receipt;
  return {
    server: request.source,
    manifest: summary.manifest,
    artifacts: summary.artifacts,
    bytes: summary.bytes,
    bytesUploaded,
    ...(secondsUploading !== undefined && { secondsUploading }),
    protected: summary.protected,
    leftOut: leftOut(source.receipt),
    leftOutNotable: notableLeftOut(source),
  };
}

async function readSource(store: Dependencies['store'], request: SyncRequest): Promise<PlanningSource> {
  const { source, sync } = request;
  const receipt = await loadReceipt(store, source, orderId(sync, 'inventory', source));
  if (receipt === undefined) {
    throw new SourceUnavailable(
      `the source ${source} did not answer within ${request.timeouts.offlineSeconds} seconds: is its agent running?`,
    );
  }
  if (receipt.step !== 'inventory' || receipt.outcome !== 'DONE') {
    throw new SourceUnavailable(
      `the source ${source} could not take stock: ${'detail' in receipt ? receipt.detail : ''}`,
    );
  }
  const { snapshot } = receipt;
  if (snapshot === undefined) throw new SourceUnavailable(`the source ${source} answered without a snapshot`);
  return { receipt: { ...receipt, snapshot }, manifest: await loadManifest(store, source, receipt.summary.manifest) };
}

/** A name that was left out is something a person should see; which of many matters little. */
function notableLeftOut({ manifest, receipt }: PlanningSource): LeftOut[] {
  return leftOut(receipt) === 0 ? [] : findLeftOut(manifest, MOST_LEFT_OUT);
}

function leftOut(receipt: InventoryReceipt): number {
  const { links, special, unnameable, unrecognised } = summaryIn(receipt);
  return unrecognised + links + special + unnameable;
}
