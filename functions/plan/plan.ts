import { z } from 'zod';
import { parseValue } from '#core/documents.ts';
import { SourceUnavailable } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import type { LeftOut, ManifestSummary } from '#core/manifest.ts';
import { findLeftOut, type StoredManifest } from '#core/manifest-lines.ts';
import { hasChanges, PLAN_FORMAT, type Plan, planDigest } from '#core/plan.ts';
import type { InventoryReceipt } from '#core/receipt.ts';
import { sign } from '#core/signed.ts';
import { type CopyMode, type SyncId, type SyncRequest, syncIdSchema } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { readFleet } from '../read-fleet.ts';
import { createOnce, loadPlan, loadReceipt, loadRequest, requirePlan } from '../sync-documents.ts';
import { type Wave, writeFirstWave } from '../waves.ts';
import { TransferEstimator } from './estimate-transfer.ts';
import { planDestination } from './plan-destination.ts';
import { planRollback } from './plan-rollback.ts';
import { loadManifest } from './stock.ts';

/** What the workflow carries from here on. */
export interface Planned {
  readonly next: 'approve' | 'report';
  /** Seconds until the plan expires. */
  readonly approvalSeconds: number;
  readonly wave: Wave;
}

const MOST_LEFT_OUT = 10;

const eventSchema = z.strictObject({ sync: syncIdSchema });

type PlanDependencies = Pick<Dependencies, 'store' | 'signer' | 'now'>;

/** Makes the one plan of a sync from the inventories that came in; a plan once made stays. */
export async function plan(dependencies: PlanDependencies, event: unknown): Promise<Planned> {
  const { sync } = parseValue('plan event', eventSchema, event);
  const { store, signer, now } = dependencies;
  const request = await loadRequest(store, sync);
  if (request.policy.verify === true) return nothingToPlan(sync);
  const made = (await loadPlan(store, sync, signer.publicKey)) ?? (await makePlan(dependencies, request));
  return {
    next: hasChanges(made) && !made.policy.dryRun ? 'approve' : 'report',
    approvalSeconds: secondsToDecide(made, now()),
    wave: await writeFirstWave(store, made, request.waveSize),
  };
}

/** To verify is to take stock and to compare, which is the report's. */
function nothingToPlan(sync: SyncId): Planned {
  const wave = { index: 0, items: keys.waveItems(sync, 0), more: false, bad: 0 };
  return { next: 'report', approvalSeconds: 60, wave };
}

export interface PlanningSource {
  readonly receipt: InventoryReceipt & { readonly snapshot: NonNullable<InventoryReceipt['snapshot']> };
  readonly manifest: StoredManifest;
}

/** Once the plan has expired, what the approval function itself needs to find the decision that was made in time. */
function secondsToDecide(plan: Plan, now: Date): number {
  const left = Math.ceil((Date.parse(plan.expiresAt) - now.getTime()) / 1000);
  return left > 0 ? left : 60;
}

async function makePlan(dependencies: PlanDependencies, request: SyncRequest): Promise<Plan> {
  const { store, signer, now } = dependencies;
  const { mode } = request.policy;
  const planned =
    mode === 'rollback' ? await planRollback(dependencies, request) : await planCopies(store, request, mode);
  const createdAt = now();
  const unsigned = {
    format: PLAN_FORMAT,
    sync: request.sync,
    createdAt: createdAt.toISOString(),
    expiresAt: new Date(createdAt.getTime() + request.timeouts.approvalSeconds * 1000).toISOString(),
    requestedBy: request.requestedBy,
    policy: request.policy,
    ...(request.rollbackOf && { rollbackOf: request.rollbackOf }),
    ...planned,
  } as const;
  await createOnce(store, keys.plan(request.sync), await sign({ ...unsigned, digest: planDigest(unsigned) }, signer));
  // Another attempt may have been first; what counts is what is there.
  return requirePlan(store, request.sync, signer.publicKey);
}

/** What the destinations lack or have otherwise than the source. */
async function planCopies(
  store: Dependencies['store'],
  request: SyncRequest,
  mode: CopyMode,
): Promise<Pick<Plan, 'source' | 'destinations'>> {
  const source = await readSource(store, request);
  const fleet = await readFleet(store);
  const { receipt } = source;
  const estimator = new TransferEstimator(store, receipt.snapshot);
  const destinations = [];
  for (const server of request.destinations) {
    destinations.push(await planDestination({ store, request, mode, source, server, estimator, fleet }));
  }
  return {
    source: {
      server: request.source,
      manifest: receipt.summary.manifest,
      artifacts: receipt.summary.artifacts,
      bytes: receipt.summary.bytes,
      bytesUploaded: receipt.bytesUploaded,
      ...(receipt.secondsUploading !== undefined && { secondsUploading: receipt.secondsUploading }),
      protected: receipt.summary.protected,
      leftOut: leftOut(receipt.summary),
      leftOutNotable: notableLeftOut(source),
    },
    destinations,
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
  return leftOut(receipt.summary) === 0 ? [] : findLeftOut(manifest, MOST_LEFT_OUT);
}

function leftOut({ links, special, unnameable, unrecognised }: ManifestSummary): number {
  return unrecognised + links + special + unnameable;
}
