import prettyBytes from 'pretty-bytes';
import type { Plan, PlannedDestination } from '#core/plan.ts';
import { shortCode } from '#core/plan.ts';
import type { Mail } from '#core/ports/notifier.ts';
import { printable } from '#core/printable.ts';
import { describeAllEstimates, describeEstimate } from '../describe-transfer.ts';

/** Longer lists are for `lockstep status`; those that would be written come first. */
const MOST_DESTINATIONS = 50;
const LONGEST_DETAIL = 300;

/** What an approver has to know before he decides. */
export function approvalMail(plan: Plan, to: readonly string[]): Mail {
  const code = shortCode(plan.digest);
  const { destinations } = plan;
  const changesFirst = destinations.toSorted((a, b) => Number(isWritten(b)) - Number(isWritten(a)));
  const lines = [
    `${printable(plan.requestedBy)} asks to synchronize ${plan.source.server} to ${destinations.length} destination(s).`,
    plan.policy.mode === 'mirror'
      ? 'Mode mirror: files that the source lacks are removed at the destination.'
      : 'Mode overwrite: nothing at a destination is deleted.',
    "One way: the source's files overwrite the corresponding files; nothing is merged. Licenses are left alone.",
    '',
    ...changesFirst.slice(0, MOST_DESTINATIONS).flatMap(describeDestination),
    ...describeRest(changesFirst.slice(MOST_DESTINATIONS)),
    ...describeAll(plan),
    `Plan    sha256:${plan.digest}`,
    `Code    ${code}`,
    `Expires ${plan.expiresAt}`,
    '',
    'To decide, look at the plan and approve or reject it:',
    `  lockstep status ${plan.sync}`,
    `  lockstep approve ${plan.sync} --plan ${code}`,
    `  lockstep reject ${plan.sync} --plan ${code}`,
    '',
  ];
  return {
    to,
    subject: `Lockstep: approve sync ${plan.sync} from ${plan.source.server}? (${code})`,
    text: lines.join('\n'),
  };
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

function describeDestination(destination: PlannedDestination): string[] {
  switch (destination.outcome) {
    case 'changes':
      return [
        `${destination.server}: ${prettyBytes(destination.bytes)} in changed files`,
        `  to be transferred: ${describeEstimate(destination.estimate)}`,
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
