import type { Plan, PlannedDestination } from './plan.ts';

/** A larger share of a destination's files is removed only if the approval acknowledges it by their number. */
const MOST_PERCENT = 10;
/** So few are all named in the plan, where a person sees each of them before deciding. */
const FEW = 10;

export interface Removals {
  readonly removed: number;
  /** Files of the classes that travel, before anything is removed. */
  readonly held: number;
  /** The share that was asked for; it is then held also where few files are removed. */
  readonly maxPercent: number | undefined;
}

export function needAcknowledgement({ held, maxPercent, removed }: Removals): boolean {
  if (maxPercent === undefined && removed <= FEW) return false;
  return removed * 100 > held * (maxPercent ?? MOST_PERCENT);
}

type Changes = Extract<PlannedDestination, { readonly outcome: 'changes' }>;

/** Of all destinations together: the number that acknowledges them. */
export function removalsOf(plan: Pick<Plan, 'destinations'>): number {
  return changesOf(plan).reduce((sum, { counts }) => sum + counts.remove, 0);
}

/** The destinations for which this plan is approved only with that number. */
export function unacknowledgedIn(plan: Pick<Plan, 'destinations'>): readonly Changes[] {
  return changesOf(plan).filter(({ needs }) => needs?.includes('removals') === true);
}

/** `10 %`, or what was asked for. */
export function removalShare({ policy }: Pick<Plan, 'policy'>): string {
  return `${policy.maxRemovalPercent ?? MOST_PERCENT} %`;
}

function changesOf({ destinations }: Pick<Plan, 'destinations'>): readonly Changes[] {
  return destinations.filter((destination) => destination.outcome === 'changes');
}
