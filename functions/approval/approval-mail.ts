import { html } from 'hono/html';
import prettyBytes from 'pretty-bytes';
import { approvalLink } from '#core/console-url.ts';
import type { Plan, PlannedDestination } from '#core/plan.ts';
import { shortCode } from '#core/plan.ts';
import type { Mail } from '#core/ports/notifier.ts';
import { printable } from '#core/printable.ts';
import { acknowledgement, describeAllowances, describeNotices, mostUrgentFirst } from '../describe-notices.ts';
import { describeMode, describeUnwritten, describeWish } from '../describe-plan.ts';
import { describeAllEstimates, describeEstimate } from '../describe-transfer.ts';
import { type MailHtml, mailFacts, mailLink, mailPage, mailTable } from '../mail-page.ts';
import { sumByClass } from '../sum-changes.ts';

/** Longer lists are for `lockstep status`; those that would be written come first. */
const MOST_DESTINATIONS = 50;
/** Mail programs cut off what is longer than about 100 KB. */
const MOST_FILES = 200;

export interface ApprovalMail {
  readonly plan: Plan;
  readonly to: readonly string[];
  /** Where the console is, if that is known. */
  readonly consoleUrl?: string | undefined;
  /** Whether they were told before. */
  readonly isReminder?: boolean;
}

/** What an approver has to know before he decides. */
export async function approvalMail(asked: ApprovalMail): Promise<Mail> {
  const { isReminder = false, plan, to } = asked;
  const what =
    plan.rollbackOf === undefined
      ? `sync ${plan.sync} from ${plan.source.server}`
      : `rollback ${plan.sync} of sync ${plan.rollbackOf}`;
  const question = `${isReminder ? 'Reminder: approve' : 'Approve'} ${what}?`;
  return {
    to,
    subject: `Lockstep: ${question.charAt(0).toLowerCase()}${question.slice(1)} (${shortCode(plan.digest)})`,
    text: textOf(asked),
    html: await mailPage(question, bodyOf(asked)),
  };
}

function textOf({ consoleUrl, isReminder, plan }: ApprovalMail): string {
  const urgentFirst = mostUrgentFirst(plan.destinations);
  return [
    ...(isReminder ? [STILL_OPEN, ''] : []),
    `${printable(plan.requestedBy)} asks to ${describeWish(plan)}.`,
    ...describeMode(plan.policy.mode),
    ...describeAllowances(plan.policy).map((line) => `${line}.`),
    '',
    ...urgentFirst.slice(0, MOST_DESTINATIONS).flatMap((destination) => describeDestination(destination, plan)),
    ...describeRest(urgentFirst.slice(MOST_DESTINATIONS)).flatMap((line) => [line, '']),
    ...describeAll(plan).flatMap((line) => [line, '']),
    `Plan    sha256:${plan.digest}`,
    `Code    ${shortCode(plan.digest)}`,
    `Expires ${plan.expiresAt}`,
    '',
    ...(consoleUrl === undefined ? [] : [`${IN_THE_BROWSER}:`, `  ${approvalLink(consoleUrl, plan.sync)}`, '']),
    'To decide, look at the plan and approve or reject it:',
    ...commandsOf(plan).map((command) => `  ${command}`),
    '',
  ].join('\n');
}

function bodyOf({ consoleUrl, isReminder, plan }: ApprovalMail): MailHtml {
  const urgentFirst = mostUrgentFirst(plan.destinations);
  const shown = urgentFirst.slice(0, MOST_DESTINATIONS);
  return html`${isReminder ? html`<p><strong>${STILL_OPEN}</strong></p>` : ''}
    <p>${printable(plan.requestedBy)} asks to ${describeWish(plan)}.
      ${[...describeMode(plan.policy.mode), ...describeAllowances(plan.policy).map((line) => `${line}.`)].join(' ')}</p>
    ${mailFacts([
      ['Source', plan.rollbackOf === undefined ? plan.source.server : `as before sync ${plan.rollbackOf}`],
      ['Code', html`<code>${shortCode(plan.digest)}</code>`],
      ['Expires', plan.expiresAt],
      ['Plan', html`<code>sha256:${plan.digest}</code>`],
    ])}
    ${consoleUrl === undefined ? '' : mailLink(approvalLink(consoleUrl, plan.sync), IN_THE_BROWSER)}
    ${mailTable({
      caption: 'Differences at all destinations, by class',
      columns: ['Class', ...COLUMNS],
      rows: sumByClass(plan).map(([name, { bytes, create, keep, remove, update }]) => [
        ...[name, create, update, remove, keep],
        prettyBytes(bytes),
      ]),
    })}
    ${mailTable({
      caption: 'Destinations',
      columns: ['Destination', 'What will be done', 'To be transferred', 'To be considered'],
      rows: shown.map((one) => rowOf(one, plan)),
    })}
    ${[...describeRest(urgentFirst.slice(MOST_DESTINATIONS)), ...describeAll(plan)].map((line) => html`<p>${line}</p>`)}
    ${filesTable(shown)}
    <p>By command:</p>
    <pre style="white-space: pre-wrap">${commandsOf(plan).join('\n')}</pre>`;
}

function rowOf(destination: PlannedDestination, plan: Plan): (MailHtml | string)[] {
  if (destination.outcome !== 'changes') return [destination.server, describeUnwritten(destination) ?? '', '', ''];
  const { bytes, counts, estimate, server } = destination;
  return [
    server,
    `${counts.create} created, ${counts.update} overwritten, ${counts.remove} removed; ${prettyBytes(bytes)}`,
    describeEstimate(estimate),
    html`${describeNotices(plan, destination).map((line) => html`${line}<br>`)}`,
  ];
}

/** A few files of each destination, removals and the largest first, as the plan names them. */
function filesTable(destinations: readonly PlannedDestination[]): MailHtml {
  const rows = destinations.flatMap((destination) =>
    destination.outcome === 'changes'
      ? destination.notable.map(({ change, path, size }) => [
          destination.server,
          WORDS[change],
          html`<code>${printable(path)}</code>`,
          prettyBytes(size),
        ])
      : [],
  );
  const caption = 'The files to look at first';
  return mailTable({ caption, columns: ['Destination', 'Change', 'File', 'Size'], rows: rows.slice(0, MOST_FILES) });
}

function commandsOf(plan: Plan): string[] {
  const named = `${plan.sync} --plan ${shortCode(plan.digest)}`;
  return [
    `lockstep status ${plan.sync}`,
    `lockstep approve ${named}${acknowledgement(plan)}`,
    `lockstep reject ${named}`,
  ];
}

function isWritten({ outcome }: PlannedDestination): boolean {
  return outcome === 'changes';
}

function describeAll(plan: Plan): string[] {
  const all = describeAllEstimates(plan);
  return all === undefined ? [] : [`To be transferred in all: ${all}`];
}

function describeRest(rest: readonly PlannedDestination[]): string[] {
  if (rest.length === 0) return [];
  return [`and ${rest.length} more destination(s), of which ${rest.filter(isWritten).length} would be written`];
}

function describeDestination(destination: PlannedDestination, plan: Plan): string[] {
  if (destination.outcome !== 'changes') return [`${destination.server}: ${describeUnwritten(destination)}`, ''];
  return [
    `${destination.server}: ${prettyBytes(destination.bytes)} in changed files`,
    `  to be transferred: ${describeEstimate(destination.estimate)}`,
    ...describeNotices(plan, destination).map((line) => `  ! ${line}`),
    row('class', COLUMNS),
    ...Object.entries(destination.classes).map(([name, counts]) =>
      row(name, [counts.create, counts.update, counts.remove, counts.keep, prettyBytes(counts.bytes)]),
    ),
    ...destination.notable.map(
      ({ change, path, size }) => `  ${change.padEnd(7)} ${printable(JSON.stringify(path))} (${prettyBytes(size)})`,
    ),
    '',
  ];
}

function row(name: string, cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(14)}${cells.map((cell) => String(cell).padStart(10)).join('')}`;
}

const COLUMNS = ['create', 'update', 'remove', 'keep', 'bytes'] as const;
const WORDS = { create: 'created', update: 'overwritten', remove: 'removed' } as const;
const STILL_OPEN = 'Nobody has decided yet, and three quarters of the time are over.';
const IN_THE_BROWSER = 'Look at the plan, and decide, in the browser';
