import prettyBytes from 'pretty-bytes';
import type { Plan, PlannedDestination } from '#core/plan.ts';
import { shortCode } from '#core/plan.ts';
import type { Mail } from '#core/ports/notifier.ts';
import { printable } from '#core/printable.ts';
import type { SyncMode } from '#core/sync.ts';
import { acknowledgement, describeAllowances, describeNotices, mostUrgentFirst } from '../describe-notices.ts';
import { describeAllEstimates, describeEstimate } from '../describe-transfer.ts';

/** Longer lists are for `lockstep status`; those that would be written come first. */
const MOST_DESTINATIONS = 50;
const LONGEST_DETAIL = 300;

const ONE_WAY =
  "One way: the source's files overwrite the corresponding files; nothing is merged. Licenses are left alone.";

const MODES: Readonly<Record<SyncMode, readonly string[]>> = {
  overwrite: ['Mode overwrite: nothing at a destination is deleted.', ONE_WAY],
  mirror: ['Mode mirror: files that the source lacks are removed at the destination.', ONE_WAY],
  rollback: ['What that sync wrote or removed becomes what it was before; all else stays. Licenses are left alone.'],
};

/** What an approver has to know before he decides. */
export function approvalMail(plan: Plan, to: readonly string[]): Mail {
  const code = shortCode(plan.digest);
  const { destinations } = plan;
  const urgentFirst = mostUrgentFirst(destinations);
  const lines = [
    `${printable(plan.requestedBy)} asks to ${describeWish(plan)} ${destinations.length} destination(s).`,
    ...MODES[plan.policy.mode],
    ...describeAllowances(plan.policy).map((line) => `${line}.`),
    '',
    ...urgentFirst.slice(0, MOST_DESTINATIONS).flatMap((destination) => describeDestination(destination, plan)),
    ...describeRest(urgentFirst.slice(MOST_DESTINATIONS)),
    ...describeAll(plan),
    `Plan    sha256:${plan.digest}`,
    `Code    ${code}`,
    `Expires ${plan.expiresAt}`,
    '',
    'To decide, look at the plan and approve or reject it:',
    `  lockstep status ${plan.sync}`,
    `  lockstep approve ${plan.sync} --plan ${code}${acknowledgement(plan)}`,
    `  lockstep reject ${plan.sync} --plan ${code}`,
    '',
  ];
  return {
    to,
    subject: `Lockstep: approve ${plan.rollbackOf === undefined ? `sync ${plan.sync} from ${plan.source.server}` : `rollback ${plan.sync} of sync ${plan.rollbackOf}`}? (${code})`,
    text: lines.join('\n'),
  };
}

function describeWish({ rollbackOf, source }: Plan): string {
  return rollbackOf === undefined ? `synchronize ${source.server} to` : `roll back sync ${rollbackOf} at`;
}

function isWritten({ outcome }: PlannedDestination): boolean {
  return outcome === 'changes';
}

function describeAll(plan: Plan): string[] {
  const all = describeAllEstimates(plan);
  return all === undefined ? [] : [`To be transferred in all: ${all}`, ''];
}

function describeRest(rest: readonly PlannedDestination[]): string[] {
  if (rest.length === 0) return [];
  return [`and ${rest.length} more destination(s), of which ${rest.filter(isWritten).length} would be written`, ''];
}

function describeDestination(destination: PlannedDestination, plan: Plan): string[] {
  switch (destination.outcome) {
    case 'changes':
      return [
        `${destination.server}: ${prettyBytes(destination.bytes)} in changed files`,
        `  to be transferred: ${describeEstimate(destination.estimate)}`,
        ...describeNotices(plan, destination).map((line) => `  ! ${line}`),
        row('class', ['create', 'update', 'remove', 'keep', 'bytes']),
        ...Object.entries(destination.classes).map(([name, counts]) =>
          row(name, [counts.create, counts.update, counts.remove, counts.keep, prettyBytes(counts.bytes)]),
        ),
        ...destination.notable.map(
          ({ change, path, size }) => `  ${change.padEnd(7)} ${printable(JSON.stringify(path))} (${prettyBytes(size)})`,
        ),
        '',
      ];
    case 'in-sync':
      return [`${destination.server}: in sync, nothing to do`, ''];
    case 'refused':
      return [`${destination.server}: will not be written: ${destination.reason}: ${shorten(destination.detail)}`, ''];
    case 'offline':
    case 'failed':
      return [`${destination.server}: will not be written: ${destination.outcome}: ${shorten(destination.detail)}`, ''];
  }
}

function shorten(detail: string): string {
  return printable(detail.slice(0, LONGEST_DETAIL));
}

function row(name: string, cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(14)}${cells.map((cell) => String(cell).padStart(10)).join('')}`;
}
