import { MOST_CLASSES } from '#core/baseline.ts';
import { canonicalJson } from '#core/canonical-json.ts';
import type { Differences } from '#core/differences.ts';
import { InvalidDocument } from '#core/errors.ts';
import { compatibilityOf, type Fleet } from '#core/fleet.ts';
import { findGuardRefusal } from '#core/guards.ts';
import { keys, orderId } from '#core/keys.ts';
import type { ManifestSummary } from '#core/manifest.ts';
import { entriesOf } from '#core/manifest-lines.ts';
import { encodePart, PART_FORMAT, type PlannedDestination } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type InventoryReceipt, type Receipt, summaryIn } from '#core/receipt.ts';
import { needAcknowledgement, type Removals } from '#core/removals.ts';
import type { ServerId } from '#core/server.ts';
import type { CopyMode, SyncPolicy, SyncRequest } from '#core/sync.ts';
import { findBaseline } from '../baseline.ts';
import { loadReceipt } from '../sync-documents.ts';
import { compareStocks } from './compare-stocks.ts';
import type { TransferEstimator } from './estimate-transfer.ts';
import { findLocalEdits } from './find-local-edits.ts';
import { notableChanges } from './notable-changes.ts';
import type { PlanningSource } from './plan-copies.ts';
import { loadManifest } from './stock.ts';

export interface DestinationToPlan {
  readonly store: ObjectStore;
  readonly request: SyncRequest;
  readonly mode: CopyMode;
  readonly source: PlanningSource;
  readonly server: ServerId;
  /** One for all destinations. */
  readonly estimator: TransferEstimator;
  /** `undefined` in an ad-hoc sync. */
  readonly fleet: Fleet | undefined;
}

/** What one destination has to do, or why it will do nothing; stores the part that its order will name. */
export async function planDestination(toPlan: DestinationToPlan): Promise<PlannedDestination> {
  const { store, request, server, source } = toPlan;
  try {
    const receipt = await loadReceipt(store, server, orderId(request.sync, 'inventory', server));
    return receipt?.step === 'inventory' && receipt.outcome === 'DONE'
      ? await planFromInventory(toPlan, receipt)
      : withoutInventory(server, receipt, request);
  } catch (error) {
    // A destination that writes nonsense spoils its own part only.
    if (error instanceof InvalidDocument && error.what !== source.manifest.what)
      return { outcome: 'failed', server, detail: error.message };
    throw error;
  }
}

async function planFromInventory(toPlan: DestinationToPlan, receipt: InventoryReceipt): Promise<PlannedDestination> {
  const { store, request, source, server } = toPlan;
  const manifest = await loadManifest(store, server, receipt.summary.manifest);
  const found = compareStocks(source.manifest, manifest, request.policy);
  assertSummary(source, found.source);
  const { differences, destination: summary } = found;
  const baseline = await findBaseline(store, server);
  const refusal = findGuardRefusal({
    source: { ...guarded(toPlan, request.source, source.receipt), summary: found.source },
    destination: {
      ...guarded(toPlan, server, receipt),
      summary,
      entries: { [Symbol.iterator]: () => entriesOf(manifest) },
    },
    differences,
    formerClasses: baseline?.source === request.source ? baseline.sourceClasses : undefined,
    policy: request.policy,
  });
  if (refusal !== undefined)
    return { outcome: 'refused', server, reason: refusal.reason, detail: shorten(refusal.detail) };
  assertFewClasses(server, differences);
  const seen = {
    server,
    counts: differences.counts,
    protected: summary.protected,
    unrecognised: summary.unrecognised,
    baseline: { manifest: summary.manifest, sourceClasses: [...differences.sourceClasses] },
  };
  if (differences.operations.length === 0) return { outcome: 'in-sync', ...seen };
  const { operations } = differences;
  const { partBytes, part } = await storePart(toPlan, summary, differences);
  const { downloadBytesPerSecond } = receipt.facts;
  const estimate = await toPlan.estimator.estimate({ operations, manifest, partBytes, downloadBytesPerSecond });
  const localEdits =
    baseline && (await findLocalEdits({ store, baseline, manifest, state: summary.state, operations }));
  return {
    outcome: 'changes',
    ...seen,
    part,
    bytes: differences.bytes,
    ...(estimate !== undefined && { estimate }),
    classes: { ...differences.classes },
    notable: notableChanges(differences.operations),
    ...(needAcknowledgement(removalsIn(differences, request.policy)) && { needs: ['removals'] }),
    ...(localEdits !== undefined && { localEdits }),
  };
}

function guarded({ fleet }: DestinationToPlan, server: ServerId, { facts }: InventoryReceipt) {
  return { server, facts, compatibility: compatibilityOf(fleet, server) };
}

function removalsIn({ classes, counts }: Differences, { maxRemovalPercent, only }: SyncPolicy): Removals {
  const travelling = Object.entries(classes).filter(([name]) => only?.includes(name) ?? true);
  const held = travelling.reduce((sum, [, { keep, remove, update }]) => sum + keep + remove + update, 0);
  return { removed: counts.remove, held, maxPercent: maxRemovalPercent };
}

/** The plan says of the source what its receipt says; that is what the manifest says, too. */
export function assertSummary({ manifest, receipt }: PlanningSource, read: ManifestSummary): void {
  if (canonicalJson(read) !== canonicalJson(summaryIn(receipt)))
    throw new InvalidDocument(manifest.what, 'its receipt sums it up otherwise');
}

async function storePart(
  { mode, store, request, source, server }: DestinationToPlan,
  found: ManifestSummary,
  differences: Differences,
) {
  const { digest, bytes } = encodePart({
    header: {
      format: PART_FORMAT,
      sync: request.sync,
      server,
      source: request.source,
      sourceManifest: source.receipt.summary.manifest,
      destinationManifest: found.manifest,
      stateBefore: found.state,
      stateAfter: differences.stateAfter,
      snapshot: source.receipt.snapshot,
      profile: found.profile,
      mode,
    },
    operations: differences.operations,
  });
  await store.put(keys.part(request.sync, server, digest), bytes);
  return { part: digest, partBytes: bytes.length };
}

export function withoutInventory(
  server: ServerId,
  receipt: Receipt | undefined,
  request: SyncRequest,
): PlannedDestination {
  if (receipt === undefined) {
    const detail = `it did not answer within ${request.timeouts.offlineSeconds} seconds: is its agent running?`;
    return { outcome: 'offline', server, detail };
  }
  if (receipt.outcome === 'REFUSED' && receipt.reason !== undefined) {
    return { outcome: 'refused', server, reason: receipt.reason, detail: shorten(receipt.detail) };
  }
  const detail = 'detail' in receipt ? shorten(receipt.detail) : 'it answered something else';
  return { outcome: 'failed', server, detail };
}

/** The plan of all has no room for more of one. */
export function shorten(detail: string): string {
  return detail.slice(0, LONGEST_DETAIL);
}

function assertFewClasses(server: ServerId, { classes, sourceClasses }: Differences): void {
  if (Math.max(Object.keys(classes).length, sourceClasses.length) > MOST_CLASSES) {
    throw new InvalidDocument(`manifest of ${server}`, `its files are of more than ${MOST_CLASSES} classes`);
  }
}

const LONGEST_DETAIL = 2000;
