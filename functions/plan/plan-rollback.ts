import { MOST_CLASSES } from '#core/baseline.ts';
import { InvalidDocument } from '#core/errors.ts';
import { findWayBackRefusal } from '#core/guards.ts';
import { keys, orderId } from '#core/keys.ts';
import { entriesOf, summaryOf } from '#core/manifest-lines.ts';
import {
  decodePart,
  encodePart,
  PART_FORMAT,
  type Plan,
  type PlannedDestination,
  type PlanPart,
  plannedFor,
} from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { InventoryReceipt } from '#core/receipt.ts';
import { findRollback, type Rollback } from '#core/rollback.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId, SyncRequest } from '#core/sync.ts';
import { loadReceipt, requirePlan } from '../sync-documents.ts';
import { withSeconds } from './estimate-transfer.ts';
import { notableChanges } from './notable-changes.ts';
import { shorten, withoutInventory } from './plan-destination.ts';
import type { PlanDependencies, Planning } from './planning.ts';
import { loadManifest } from './stock.ts';

/** For what leads destinations back to what they held before the sync that is rolled back; its source is not asked. */
export async function openRollback({ signer, store }: PlanDependencies, request: SyncRequest): Promise<Planning> {
  const { rollbackOf } = request;
  if (rollbackOf === undefined) throw new InvalidDocument(keys.request(request.sync), 'it is a rollback of no sync');
  const past = await requirePlan(store, rollbackOf, signer.publicKey);
  const { secondsUploading: _, ...source } = past.source;
  return {
    entries: source.artifacts,
    assertSource: () => undefined,
    describeSource: () => ({ ...source, bytesUploaded: 0, leftOut: 0, leftOutNotable: [] }),
    planDestination: (server) => planDestination({ store, request, rollbackOf, past, server }),
  };
}

interface DestinationToPlan {
  readonly store: ObjectStore;
  readonly request: SyncRequest;
  readonly rollbackOf: SyncId;
  /** That of the sync which is rolled back. */
  readonly past: Plan;
  readonly server: ServerId;
}

async function planDestination(toPlan: DestinationToPlan): Promise<PlannedDestination> {
  const { request, server, store } = toPlan;
  try {
    const receipt = await loadReceipt(store, server, orderId(request.sync, 'inventory', server));
    return receipt?.step === 'inventory' && receipt.outcome === 'DONE'
      ? await planFromInventory(toPlan, receipt)
      : withoutInventory(server, receipt, request);
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    return { outcome: 'failed', server, detail: shorten(error.message) };
  }
}

async function planFromInventory(toPlan: DestinationToPlan, receipt: InventoryReceipt): Promise<PlannedDestination> {
  const { rollbackOf, server, store } = toPlan;
  const { header, operations } = await loadPastPart(toPlan);
  const manifest = await loadManifest(store, server, receipt.summary.manifest);
  const summary = summaryOf(manifest);
  if (summary.profile !== header.profile) {
    const detail = `its agent uses another profile than in sync ${rollbackOf}: give it the one of that time, or sync again`;
    return { outcome: 'refused', server, reason: 'GUARD', detail };
  }
  const before = entriesOf(await loadManifest(store, server, header.destinationManifest));
  const now = { [Symbol.iterator]: () => entriesOf(manifest) };
  const rollback = findRollback({ operations, before }, now);
  const seen = { server, protected: summary.protected, unrecognised: summary.unrecognised };
  switch (rollback.outcome) {
    case 'undone':
      return { outcome: 'in-sync', ...seen, counts: { create: 0, update: 0, remove: 0, keep: summary.artifacts } };
    case 'stale':
      return { outcome: 'refused', server, reason: 'STALE_PLAN', detail: staleText(rollback.paths, rollbackOf) };
    case 'changes': {
      const detail = findLack(rollback, receipt, rollbackOf);
      if (detail !== undefined) return { outcome: 'refused', server, reason: 'NO_PRE_IMAGES', detail };
      const refusal = findWayBackRefusal({
        destination: { facts: receipt.facts, entries: now },
        differences: rollback,
      });
      if (refusal !== undefined) return { outcome: 'refused', server, ...refusal, detail: shorten(refusal.detail) };
      assertFewClasses(server, rollback);
      const { partBytes, part } = await storePart(toPlan, {
        header: {
          format: PART_FORMAT,
          sync: toPlan.request.sync,
          server,
          destinationManifest: summary.manifest,
          stateBefore: summary.state,
          stateAfter: rollback.stateAfter,
          profile: summary.profile,
          mode: 'rollback',
          rollbackOf,
        },
        operations: rollback.operations,
      });
      const { bytes, classes, counts } = rollback;
      const estimate = withSeconds({ bytes: partBytes }, receipt.facts.downloadBytesPerSecond);
      return {
        outcome: 'changes',
        ...seen,
        counts,
        part,
        bytes,
        estimate,
        classes: { ...classes },
        notable: notableChanges(rollback.operations),
      };
    }
  }
}

type Changes = Extract<Rollback, { readonly outcome: 'changes' }>;

async function loadPastPart({ past, rollbackOf, server, store }: DestinationToPlan): Promise<PlanPart> {
  const planned = plannedFor(past, server);
  if (planned?.outcome !== 'changes')
    throw new InvalidDocument(`plan of sync ${rollbackOf}`, `nothing was planned for ${server}`);
  const key = keys.part(rollbackOf, server, planned.part);
  const stored = await store.get(key);
  if (stored === undefined) throw new InvalidDocument(key, 'it is not in the store');
  return decodePart(stored.body, planned.part);
}

/** Whether the agent has, or can have, what is to be put back. */
function findLack({ needed }: Changes, { preImages = [] }: InventoryReceipt, rollbackOf: SyncId): string | undefined {
  if (needed.size === 0 || preImages.includes(rollbackOf)) return undefined;
  return `what sync ${rollbackOf} replaced or removed is no longer kept there; an agent keeps it of its last applies only (keepPreImages in its agent.json)`;
}

function staleText(paths: readonly string[], rollbackOf: SyncId): string {
  const names = paths.slice(0, NAMED).map((path) => JSON.stringify(path));
  const more = paths.length > NAMED ? ` and ${paths.length - NAMED} more` : '';
  const are = paths.length === 1 ? '1 file is' : `${paths.length} files are`;
  return shorten(
    `${are} no longer as sync ${rollbackOf} left ${paths.length === 1 ? 'it' : 'them'}: ${names.join(', ')}${more}; put back what was changed since, or sync from a server that is as it should be`,
  );
}

async function storePart({ request, server, store }: DestinationToPlan, part: PlanPart) {
  const { digest, bytes } = encodePart(part);
  await store.put(keys.part(request.sync, server, digest), bytes);
  return { part: digest, partBytes: bytes.length };
}

function assertFewClasses(server: ServerId, { classes }: Changes): void {
  if (Object.keys(classes).length > MOST_CLASSES)
    throw new InvalidDocument(`manifest of ${server}`, `its files are of more than ${MOST_CLASSES} classes`);
}

const NAMED = 5;
