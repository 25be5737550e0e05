import { PART_FORMAT, type PartHeader, type PlanPart } from '#core/plan.ts';
import { findRollback } from '#core/rollback.ts';
import { createSyncId, type SyncId } from '#core/sync.ts';
import { type Control, DESTINATION, type Stock } from './control.ts';

/** What was applied at the destination, and what it held before that. */
export interface Applied extends PlanPart {
  readonly destination: Stock;
}

export interface PlannedRollback extends Applied {
  readonly header: Extract<PartHeader, { readonly mode: 'rollback' }>;
}

/** The part that leads back, made as the control plane makes it. */
export async function planRollback(control: Control, past: Applied): Promise<PlannedRollback> {
  const destination = await control.inventory(DESTINATION, false);
  const before = past.destination.manifest.entries;
  const rollback = findRollback({ operations: past.operations, before }, destination.manifest.entries);
  if (rollback.outcome !== 'changes') throw new Error(`nothing to roll back: ${JSON.stringify(rollback)}`);
  const { manifest, profile, state } = destination.manifest.summary;
  return {
    destination,
    operations: rollback.operations,
    header: {
      format: PART_FORMAT,
      sync: nextSync(),
      server: DESTINATION,
      destinationManifest: manifest,
      stateBefore: state,
      stateAfter: rollback.stateAfter,
      profile,
      mode: 'rollback',
      rollbackOf: past.header.sync,
    },
  };
}

/** One that no other plan of the same second has. */
export function nextSync(): SyncId {
  return createSyncId(new Date(), (++syncs).toString(16).padStart(5, 'e'));
}

let syncs = 0;
