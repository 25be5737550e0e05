import type { Plan, PlannedDestination } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import type { SyncMode } from '#core/sync.ts';
import { count } from './count.ts';

/** What was asked for: the words behind `asks to`. */
export function describeWish({ destinations, rollbackOf, source }: Plan): string {
  const wish = rollbackOf === undefined ? `synchronize ${source.server} to` : `roll back sync ${rollbackOf} at`;
  return `${wish} ${count(destinations.length, 'destination')}`;
}

/** What the mode means for the files at a destination. */
export function describeMode(mode: SyncMode): readonly string[] {
  return MODES[mode];
}

/** Why a destination will not be written; `undefined` for one that will. */
export function describeUnwritten(destination: PlannedDestination): string | undefined {
  switch (destination.outcome) {
    case 'changes':
      return undefined;
    case 'in-sync':
      return 'in sync, nothing to do';
    case 'refused':
      return `will not be written: ${destination.reason}: ${shorten(destination.detail)}`;
    case 'offline':
    case 'failed':
      return `will not be written: ${destination.outcome}: ${shorten(destination.detail)}`;
  }
}

function shorten(detail: string): string {
  return printable(detail.slice(0, LONGEST_DETAIL));
}

const LONGEST_DETAIL = 300;

const ONE_WAY =
  "One way: the source's files overwrite the corresponding files; nothing is merged. Licenses are left alone.";

const MODES: Readonly<Record<SyncMode, readonly string[]>> = {
  overwrite: ['Mode overwrite: nothing at a destination is deleted.', ONE_WAY],
  mirror: ['Mode mirror: files that the source lacks are removed at the destination.', ONE_WAY],
  rollback: ['What that sync wrote or removed becomes what it was before; all else stays. Licenses are left alone.'],
};
