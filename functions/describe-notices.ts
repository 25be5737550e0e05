import type { LocalEdits, Plan, PlannedDestination } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import { removalShare, removalsOf, unacknowledgedIn } from '#core/removals.ts';
import type { SyncPolicy } from '#core/sync.ts';

type Changes = Extract<PlannedDestination, { readonly outcome: 'changes' }>;

/** The destinations that a person should look at first: with a notice, then with changes, then the rest. */
export function mostUrgentFirst(destinations: readonly PlannedDestination[]): PlannedDestination[] {
  return destinations.toSorted((a, b) => urgency(b) - urgency(a));
}

function urgency(destination: PlannedDestination): number {
  if (destination.outcome !== 'changes') return 0;
  return destination.needs === undefined && destination.localEdits === undefined ? 1 : 2;
}

/** What a person has to know of a destination before deciding, besides what changes: one line each. */
export function describeNotices({ policy }: Pick<Plan, 'policy'>, { counts, localEdits, needs }: Changes): string[] {
  return [
    ...(needs?.includes('removals')
      ? [
          `${files(counts.remove)} will be removed, more than ${removalShare({ policy })}: the approval has to acknowledge it`,
        ]
      : []),
    ...(localEdits === undefined ? [] : describeLocalEdits(localEdits)),
  ];
}

function describeLocalEdits({ count, files: named, since }: LocalEdits): string[] {
  const more = count - named.length;
  return [
    `${files(count)} ${count === 1 ? 'was' : 'were'} changed here since the sync of ${since.slice(0, 19)}Z; that will be overwritten:`,
    ...named.map(({ edit, path }) => `  ${edit.padEnd(7)}  ${printable(path)}`),
    ...(more > 0 ? [`  and ${files(more)} more`] : []),
  ];
}

/** What the person who asked has allowed, by the flags that allow it. */
export function describeAllowances(policy: SyncPolicy): string[] {
  const flags = [
    ...(policy.allowShrink ? ['--allow-shrink'] : []),
    ...(policy.allowDowngrade === true ? ['--allow-downgrade'] : []),
    ...(policy.allowVanished === undefined ? [] : [`--allow-vanished ${policy.allowVanished.join(',')}`]),
    ...(policy.maxRemovalPercent === undefined ? [] : [`--max-removals ${policy.maxRemovalPercent}`]),
  ];
  return flags.length === 0 ? [] : [`Asked for with ${flags.join(' ')}`];
}

/** What has to be added to the command that approves the plan. */
export function acknowledgement(plan: Plan): string {
  return unacknowledgedIn(plan).length === 0 ? '' : ` --acknowledge-removals ${removalsOf(plan)}`;
}

function files(count: number): string {
  return `${count} file${count === 1 ? '' : 's'}`;
}
