import { html } from 'hono/html';
import prettyBytes from 'pretty-bytes';
import { nameApprovers } from '#core/approvers.ts';
import { approvalLink } from '#core/console-url.ts';
import type { Plan, PlannedDestination } from '#core/plan.ts';
import { shortCode } from '#core/plan.ts';
import type { Mail } from '#core/ports/notifier.ts';
import { printable } from '#core/printable.ts';
import { shownPath } from '../console/parts/paths.ts';
import { count } from '../count.ts';
import { acknowledgement, describeAllowances, describeNotices, mostUrgentFirst } from '../describe-notices.ts';
import { describeMode, describeUnwritten, describeWish } from '../describe-plan.ts';
import { describeAllEstimates, describeEstimate } from '../describe-transfer.ts';
import { type MailHtml, mailFacts, mailLink, mailPage, mailTable } from '../mail-page.ts';
import { sumByClass } from '../sum-changes.ts';

/** Longer lists are for `lockstep status`; those that would be written come first. */
const MOST_DESTINATIONS = 50;
/** Of all destinations together; each has some. */
const MOST_FILES = 150;

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
  const { rest, shown } = choose(plan);
  return [
    ...(isReminder ? [STILL_OPEN, ''] : []),
    `${printable(plan.requestedBy)} asks to ${describeWish(plan)}.`,
    ...describeMode(plan.policy.mode),
    ...describeAllowances(plan.policy).map((line) => `${line}.`),
    '',
    ...shown.flatMap((destination) => describeDestination(destination, plan)),
    ...[...describeRest(rest), ...describeAll(plan)].flatMap((line) => [line, '']),
    ...(plan.destinations.filter(isWritten).length > 1 ? ['All destinations', ...classRows(sumByClass(plan)), ''] : []),
    `Plan    sha256:${plan.digest}`,
    `Code    ${shortCode(plan.digest)}`,
    `Needs   ${describeNeed(plan)}`,
    `Expires ${plan.expiresAt}`,
    '',
    ...(consoleUrl === undefined ? [] : [`${IN_THE_BROWSER}:`, `  ${approvalLink(consoleUrl, plan.sync)}`, '']),
    'To decide, look at the plan and approve or reject it:',
    ...commandsOf(plan).map((command) => `  ${command}`),
    '',
  ].join('\n');
}

function bodyOf({ consoleUrl, isReminder, plan }: ApprovalMail): MailHtml {
  const { rest, shown } = choose(plan);
  return html`${isReminder ? html`<p><strong>${STILL_OPEN}</strong></p>` : ''}
    <p>${printable(plan.requestedBy)} asks to ${describeWish(plan)}.
      ${[...describeMode(plan.policy.mode), ...describeAllowances(plan.policy).map((line) => `${line}.`)].join(' ')}</p>
    ${mailFacts([
      ['Source', plan.rollbackOf === undefined ? plan.source.server : `as before sync ${plan.rollbackOf}`],
      ['Code', html`<code>${shortCode(plan.digest)}</code>`],
      ['Needs', describeNeed(plan)],
      ['Expires', plan.expiresAt],
      ['Plan', html`<code>sha256:${plan.digest}</code>`],
    ])}
    ${consoleUrl === undefined ? '' : mailLink(approvalLink(consoleUrl, plan.sync), IN_THE_BROWSER)}
    ${mailTable({
      caption: 'Differences at all destinations, by class',
      columns: ['Class', 'Created', 'Overwritten', 'Removed', 'Kept', 'Bytes'],
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
    ${[...describeRest(rest), ...describeAll(plan)].map((line) => html`<p>${line}</p>`)}
    ${filesTable(shown)}
    <p>By command:</p>
    <pre style="white-space: pre-wrap">${commandsOf(plan).join('\n')}</pre>`;
}

/** The first destinations, with some of their files each, in words that are not longer than a mail has room for. */
function choose(plan: Plan): { readonly shown: PlannedDestination[]; readonly rest: PlannedDestination[] } {
  const urgentFirst = mostUrgentFirst(plan.destinations);
  const shown = urgentFirst.slice(0, MOST_DESTINATIONS);
  const files = Math.max(2, Math.floor(MOST_FILES / shown.length));
  return { shown: shown.map((one) => shorten(one, files)), rest: urgentFirst.slice(MOST_DESTINATIONS) };
}

function shorten(destination: PlannedDestination, files: number): PlannedDestination {
  if (destination.outcome !== 'changes') return destination;
  const { localEdits, notable, ...rest } = destination;
  const first = <T extends { readonly path: string }>(named: readonly T[]) =>
    named.slice(0, files).map((one) => ({ ...one, path: shownPath(one.path) }));
  return {
    ...rest,
    notable: first(notable),
    ...(localEdits !== undefined && { localEdits: { ...localEdits, files: first(localEdits.files) } }),
  };
}

function describeNeed({ policy }: Plan): string {
  const { approvals } = policy;
  const number = approvals === 1 ? 'one approval' : `${approvals} approvals by different people`;
  const named = nameApprovers(policy);
  return named === undefined ? number : `${number}: ${printable(named)}`;
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
  return mailTable({ caption, columns: ['Destination', 'Change', 'File', 'Size'], rows });
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
  return [...(all === undefined ? [] : [`To be transferred in all: ${all}`]), ...describeAllEdits(plan)];
}

/** Also of those destinations for which there is no room. */
function describeAllEdits({ destinations }: Plan): string[] {
  const edits = destinations.flatMap((one) => (one.outcome === 'changes' ? (one.localEdits ?? []) : []));
  const files = edits.reduce((sum, { count }) => sum + count, 0);
  if (edits.length < 2) return [];
  return [`Changed at ${edits.length} destinations since their last sync, and overwritten: ${files} files in all`];
}

function describeRest(rest: readonly PlannedDestination[]): string[] {
  if (rest.length === 0) return [];
  return [`and ${count(rest.length, 'more destination')}, of which ${rest.filter(isWritten).length} would be written`];
}

function describeDestination(destination: PlannedDestination, plan: Plan): string[] {
  if (destination.outcome !== 'changes') return [`${destination.server}: ${describeUnwritten(destination)}`, ''];
  return [
    `${destination.server}: ${prettyBytes(destination.bytes)} in changed files`,
    `  to be transferred: ${describeEstimate(destination.estimate)}`,
    ...describeNotices(plan, destination).map((line) => `  ! ${line}`),
    ...classRows(Object.entries(destination.classes)),
    ...destination.notable.map(
      ({ change, path, size }) => `  ${change.padEnd(7)} ${printable(JSON.stringify(path))} (${prettyBytes(size)})`,
    ),
    '',
  ];
}

function classRows(classes: ReturnType<typeof sumByClass>): string[] {
  return [
    row('class', COLUMNS),
    ...classes.map(([name, { bytes, create, keep, remove, update }]) =>
      row(name, [create, update, remove, keep, prettyBytes(bytes)]),
    ),
  ];
}

function row(name: string, cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(14)}${cells.map((cell) => String(cell).padStart(10)).join('')}`;
}

const COLUMNS = ['create', 'update', 'remove', 'keep', 'bytes'] as const;
const WORDS = { create: 'created', update: 'overwritten', remove: 'removed' } as const;
const STILL_OPEN = 'Nobody has decided yet, and three quarters of the time are over.';
const IN_THE_BROWSER = 'Look at the plan, and decide, in the browser';
