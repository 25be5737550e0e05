import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { html } from 'hono/html';
import * as z from 'zod';
import type { Decision, Vote } from '#core/approval.ts';
import { isApprover, nameApprovers } from '#core/approvers.ts';
import { sha256Schema } from '#core/digest.ts';
import { DecisionRefused } from '#core/errors.ts';
import { type Plan, type PlannedDestination, shortCode } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import { removalShare, removalsOf, unacknowledgedIn } from '#core/removals.ts';
import type { SyncId, SyncRequest } from '#core/sync.ts';
import { assertCounted } from '../../approval/assert-counted.ts';
import { castVote, type Word } from '../../approval/cast-vote.ts';
import { count } from '../../count.ts';
import { describeAllowances, describeNotices, mostUrgentFirst } from '../../describe-notices.ts';
import { describeMode, describeUnwritten, describeWish } from '../../describe-plan.ts';
import { describeAllEstimates, describeEstimate } from '../../describe-transfer.ts';
import { type Approvals, decidedAt, listApprovals } from '../../observe/list-approvals.ts';
import { type ApprovalState, type ApprovalView, lookAtApproval } from '../../observe/look-at-approval.ts';
import { sumByClass, sumOfAll } from '../../sum-changes.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { parseSyncId } from '../parse-sync-id.ts';
import { type Html, page } from '../parts/layout.ts';
import { table } from '../parts/table.ts';
import { badge, bytes, moment } from '../parts/words.ts';
import { has, requireForm } from '../session.ts';
import { voterOf } from '../voter-of.ts';
import { classTable } from './plan-summary.ts';
import { problemPage } from './problem.ts';

/** Plans that wait, and one of them: GET shows, and only the form of this page decides. */
export function approvalPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  const { now, store } = parts;
  const looking = async ({ signal }: Request) => ({ store, now, signal, controlKey: await parts.controlKey() });

  app.get('/', async (context) => {
    const body = listBody(await listApprovals(await looking(context.req.raw)));
    return page(context, { title: 'Approvals', section: 'approvals', help: 'approvals', body });
  });

  app.get('/:sync', async (context) => {
    const view = await lookAtApproval(await looking(context.req.raw), parseSyncId(context.req.param('sync')));
    return show(context, `Approval of sync ${view.request.sync}`, approvalBody(view, context));
  });

  app.post('/:sync', limited, requireForm('approver'), async (context) => {
    const sync = parseSyncId(context.req.param('sync'));
    try {
      const wish = await readForm(context, sync);
      const controlKey = await parts.controlKey();
      if (controlKey === undefined) throw new DecisionRefused('the store does not say yet who may sign plans');
      const cast = await castVote({ store, now, controlKey }, wish);
      assertCounted(cast);
      const { vote } = cast;
      const decided = cast.decision?.decision ?? null;
      const { decision: word, plan, via } = vote;
      await context.get('audit')({ event: 'decision', sync, plan, vote: word, decided, via });
      // The page of the approval says what was recorded, and loading it again sends nothing.
      return context.redirect(`/approvals/${sync}`, 303);
    } catch (error) {
      if (!(error instanceof DecisionRefused)) throw error;
      context.set('problem', error.message);
      context.status(409);
      return show(context, 'Your decision was not taken', refusedBody(sync, error.message));
    }
  });
  return app;
}

function show(context: ConsoleContext, title: string, body: Html): Response | Promise<Response> {
  return page(context, { title, section: 'approvals', help: 'approval', body: html`<h1>${title}</h1>${body}` });
}

/** Bytes of a form; its longest field is a comment. */
const limited = bodyLimit({
  maxSize: 16 * 1024,
  onError: (context) => problemPage(context, 413, 'That is too much', 'The form is larger than this page can send.'),
});

const formSchema = z.object({
  plan: sha256Schema,
  code: z.string().trim().max(40).default(''),
  decision: z.enum(['APPROVED', 'REJECTED']),
  removals: z
    .string()
    .trim()
    .regex(/^\d{0,9}$/)
    .default(''),
  comment: z.string().trim().max(1000).default(''),
});

const FIELDS = {
  plan: 'The form names no plan: load the page again.',
  code: 'The short code is longer than any.',
  decision: 'Choose whether to approve or to reject.',
  removals: 'The number of removals is no number.',
  comment: 'The comment is longer than 1,000 characters.',
} as const;

/** What the person wants recorded; throws DecisionRefused where the form does not say it. */
async function readForm(context: ConsoleContext, sync: SyncId): Promise<Word> {
  const parsed = formSchema.safeParse(await context.req.parseBody());
  if (!parsed.success) throw new DecisionRefused(describeIssues(parsed.error));
  const { code, comment, decision, plan, removals } = parsed.data;
  if (code !== '' && !isCode(code, plan))
    throw new DecisionRefused(
      'the short code that was typed is not that of the plan on the page: read it there, and look at what it stands for',
    );
  return {
    ...{ ...voterOf(context.get('session')), sync, plan, decision, via: 'console' },
    ...(code === '' && { withoutCode: true as const }),
    ...(comment !== '' && { comment }),
    ...(decision === 'APPROVED' && removals !== '' && { acknowledgedRemovals: Number(removals) }),
  };
}

function describeIssues({ issues }: z.ZodError): string {
  const fields = new Set(issues.map(({ path }) => path[0] as keyof typeof FIELDS));
  return [...fields].map((field) => FIELDS[field]).join(' ');
}

/** As people type it: in capitals, with a space or nothing for the hyphen. */
function isCode(typed: string, plan: Plan['digest']): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/[^0-9a-z]/g, '');
  return plain(typed) === plain(shortCode(plan));
}

function refusedBody(sync: SyncId, reason: string): Html {
  return html`<p class="notice">${printable(reason)}</p>
    <p><a href="/approvals/${sync}">Back to the plan</a>, which shows what has been decided, by whom and when.</p>`;
}

/** What this person has said, whenever he looks. */
function ownVote({ decision, state, votes }: ApprovalView, context: ConsoleContext): Html | string {
  const own = votes.find(({ by }) => by === context.get('session').person);
  if (own === undefined) return '';
  const verb = own.decision === 'APPROVED' ? 'approved' : 'rejected';
  const counts = decision === undefined || decision.votes.some(({ by }) => by === own.by);
  const stands = state === 'waiting' ? 'More people have to approve it before anything is written.' : '';
  const outcome = decision === undefined ? stands : counts ? AFTERWARDS[decision.decision] : TOO_LATE;
  return html`<p class="notice" role="status">You have ${verb} plan <code>${shortCode(own.plan)}</code>, at ${moment(own.at)};
    that is recorded, and a vote cannot be changed. ${outcome}</p>`;
}

const TOO_LATE = 'Somebody else was first: it was decided without your vote.';
const AFTERWARDS = {
  APPROVED: 'That was all it needed: the destinations are written now.',
  REJECTED: 'The sync ends here; nothing is written.',
} as const;

function listBody({ decided, waiting }: Approvals): Html {
  return html`<h1>Approvals</h1>
    ${table({
      caption: 'Plans that wait for a decision',
      columns: ['Sync', 'Asked for by', 'From', 'To', 'Created', 'Updated', 'Removed', 'Bytes', 'Votes', 'Expires'],
      rows: waiting.flatMap((view) => (view.plan === undefined ? [] : [waitingRow(view, view.plan)])),
      empty: html`No plan waits. One comes here when somebody starts
        <a href="/synchronize">Synchronize Configurations</a> and there is something to write.`,
    })}
    ${table({
      caption: 'Decided lately',
      columns: ['Sync', 'Asked for by', 'Decision', 'By', 'At'],
      rows: decided.map(({ decision, request }) => [
        html`<a href="/approvals/${request.sync}">${request.sync}</a>`,
        printable(request.requestedBy),
        decisionBadge(decision),
        decision.votes.map(({ by }) => printable(by)).join(', '),
        moment(decidedAt({ decision })),
      ]),
      empty: 'Nothing has been decided yet.',
    })}`;
}

function waitingRow({ request, votes }: ApprovalView, plan: Plan) {
  const { bytes: size, create, remove, update } = sumOfAll(plan);
  return [
    html`<a href="/approvals/${plan.sync}">${plan.sync}</a>`,
    printable(plan.requestedBy),
    sourceOf(request),
    nameSome(request.destinations),
    ...[create, update, remove, bytes(size)],
    `${approvalsIn(votes)} of ${plan.policy.approvals}`,
    moment(plan.expiresAt),
  ];
}

function approvalBody(view: ApprovalView, context: ConsoleContext): Html {
  const { plan, request, state } = view;
  return html`<p>${stateNote(view)}</p>
    ${ownVote(view, context)}
    ${plan === undefined ? '' : planBody(plan, view)}
    ${plan !== undefined && state === 'waiting' ? decideSection(plan, view.votes, context) : ''}
    <p><a href="/syncs/${request.sync}">The sync itself</a> · <a href="/approvals">All approvals</a></p>`;
}

function stateNote({ decision, state, verdict }: ApprovalView): Html {
  const ended =
    verdict === undefined ? '' : html` The sync ended: ${verdict.verdict.replaceAll('_', ' ').toLowerCase()}.`;
  if (decision === undefined) return html`${badge(TONES[state], WORDS[state])}${ended}`;
  return html`${decisionBadge(decision)} by ${decision.votes.map(({ by }) => printable(by)).join(', ')} at
    ${moment(decidedAt({ decision }))}; nothing is left to decide.${ended}`;
}

const WORDS: Readonly<Record<ApprovalState, string>> = {
  waiting: 'waits for a decision',
  decided: 'decided',
  expired: 'expired: nobody decided in time, and a new sync has to be started',
  stopped: 'being stopped',
  ended: 'ended without a decision',
  'not-planned': 'no plan yet: the servers are being compared',
  'nothing-to-decide': 'nothing to decide: nothing would be written',
};

const TONES = {
  waiting: 'busy',
  decided: 'good',
  expired: 'warning',
  stopped: 'warning',
  ended: 'plain',
  'not-planned': 'busy',
  'nothing-to-decide': 'good',
} as const;

function planBody(plan: Plan, { request, votes }: ApprovalView): Html {
  const { bytes: size, create, remove, update } = sumOfAll(plan);
  const all = describeAllEstimates(plan);
  return html`<p>${printable(plan.requestedBy)} asks to ${describeWish(plan)}.
      ${[...describeMode(plan.policy.mode), ...describeAllowances(plan.policy).map((line) => `${line}.`)].join(' ')}</p>
    <dl class="facts">
      <dt>Source</dt><dd>${sourceOf(request)}</dd>
      <dt>Destinations</dt><dd>${nameSome(request.destinations)}</dd>
      <dt>In all</dt><dd>${count(create, 'file')} created, ${update} updated (their content is overwritten), ${remove} removed;
        ${bytes(size)}</dd>
      ${all === undefined ? '' : html`<dt>To be transferred</dt><dd>${all}</dd>`}
      <dt>Expires</dt><dd>${moment(plan.expiresAt)}</dd>
      <dt>Short code</dt><dd><code>${shortCode(plan.digest)}</code> <small>of plan sha256:${plan.digest}</small></dd>
      <dt>Approvals</dt><dd>${approvalsIn(votes)} of the ${plan.policy.approvals} needed, by different people${whoMay(plan)}</dd>
    </dl>
    ${votes.length === 0 ? '' : votesTable(votes)}
    ${classTable('Differences at all destinations, by class', sumByClass(plan))}
    <p><a href="/syncs/${plan.sync}/differences">All differences, by destination and file</a></p>
    ${destinationsTable(plan)}
    ${filesTable(plan)}`;
}

function whoMay({ policy }: Plan): string {
  const named = nameApprovers(policy);
  return named === undefined ? '' : `; whose word counts: ${printable(named)}`;
}

function votesTable(votes: readonly Vote[]): Html {
  return table({
    caption: 'Who has voted',
    columns: ['Person', 'Word', 'At', 'By way of', 'Comment'],
    rows: votes.map(({ at, by, comment = '', decision, via }) => [
      ...[printable(by), decision.toLowerCase(), moment(at), printable(via), printable(comment)],
    ]),
    empty: 'Nobody.',
  });
}

function destinationsTable(plan: Plan): Html {
  const { destinations } = plan;
  const more = destinations.length - MOST_DESTINATIONS;
  return html`${table({
    caption: 'Destinations',
    columns: ['Destination', 'Created', 'Updated', 'Removed', 'Bytes', 'To be transferred', 'To be considered'],
    rows: mostUrgentFirst(destinations)
      .slice(0, MOST_DESTINATIONS)
      .map((one) => destinationRow(one, plan)),
    empty: 'No destination is named.',
  })}
  ${more > 0 ? html`<p>and ${count(more, 'more destination')}</p>` : ''}`;
}

function destinationRow(destination: PlannedDestination, plan: Plan): (Html | string | number)[] {
  if (destination.outcome !== 'changes')
    return [destination.server, '', '', '', '', '', describeUnwritten(destination) ?? ''];
  const { bytes: size, counts, estimate, server } = destination;
  const notices = html`${describeNotices(plan, destination).map((line) => html`${line}<br>`)}`;
  return [server, counts.create, counts.update, counts.remove, bytes(size), describeEstimate(estimate), notices];
}

/** Removals and the largest first, as the plan names them. */
function filesTable({ destinations }: Plan): Html {
  const rows = mostUrgentFirst(destinations).flatMap((destination) =>
    destination.outcome === 'changes'
      ? destination.notable.map(({ change, path, size }) => [
          ...[destination.server, CHANGES[change], html`<code>${printable(path)}</code>`, bytes(size)],
        ])
      : [],
  );
  return table({
    caption: 'Files to look at first',
    columns: ['Destination', 'Change', 'File', 'Size'],
    rows: rows.slice(0, MOST_FILES),
    empty: 'No file would be written.',
  });
}

const CHANGES = { create: 'created', update: 'updated', remove: 'removed' } as const;

function decideSection(plan: Plan, votes: readonly Vote[], context: ConsoleContext): Html {
  const session = context.get('session');
  if (votes.some(({ by }) => by === session.person)) return html``;
  if (!has(context, 'approver'))
    return html`<p class="notice">You may look at this plan; deciding on it takes the role approver.</p>`;
  if (!isApprover(plan.policy, voterOf(session)))
    return html`<p class="notice">You may look at this plan; your word on it does not count. It takes
      ${printable(nameApprovers(plan.policy) ?? '')}.</p>`;
  return decideForm(plan, context);
}

/** Neither word is chosen beforehand: a form that is sent as it is decides nothing. */
function decideForm(plan: Plan, context: ConsoleContext): Html {
  const { formKey, method, person } = context.get('session');
  const takesSignIn = method === 'oidc' && plan.policy.signInInsteadOfCode === true;
  const isBarred = person === plan.requestedBy && !plan.policy.requesterMayApprove;
  return html`<section aria-labelledby="decide"><h2 id="decide">Decide</h2>
    ${isBarred ? html`<p class="notice">You asked for this sync and so cannot approve it; somebody else can. You may reject it.</p>` : ''}
    <form method="post" action="/approvals/${plan.sync}" class="decision" autocomplete="off">
      <input type="hidden" name="formKey" value="${formKey}">
      <input type="hidden" name="plan" value="${plan.digest}">
      <fieldset><legend>Your decision</legend>
        <div class="field"><label><input type="radio" name="decision" value="APPROVED" required${isBarred ? html` disabled` : ''}> Approve:
          write these destinations</label></div>
        <div class="field"><label><input type="radio" name="decision" value="REJECTED" required> Reject: write nothing</label></div>
      </fieldset>
      ${takesSignIn ? html`<p class="hint">You are signed in by your organisation: the short code need not be typed.</p>` : CODE_FIELD}
      ${removalsField(plan)}
      <div class="field"><label for="comment">Comment</label>
        <textarea id="comment" name="comment" maxlength="1000" rows="3" aria-describedby="comment-hint"></textarea>
        <p class="hint" id="comment-hint">Optional; kept with your decision.</p></div>
      <p><button class="primary">Record my decision</button></p>
    </form></section>`;
}

const CODE_FIELD = html`<div class="field"><label for="code">Short code of the plan</label>
        <input id="code" name="code" required maxlength="40" spellcheck="false" aria-describedby="code-hint">
        <p class="hint" id="code-hint">Eight characters, above and in the mail: shows that you mean this plan and no other.</p></div>`;

function removalsField(plan: Plan): Html {
  if (unacknowledgedIn(plan).length === 0) return html``;
  return html`<div class="field"><label for="removals">Number of files that are removed</label>
    <input id="removals" name="removals" inputmode="numeric" maxlength="9" aria-describedby="removals-hint">
    <p class="hint" id="removals-hint">This plan removes ${count(removalsOf(plan), 'file')}, more than ${removalShare(plan)} of a
      destination's: to approve that, type the number.</p></div>`;
}

function decisionBadge({ decision }: Decision): Html {
  return badge(decision === 'APPROVED' ? 'good' : 'warning', decision.toLowerCase());
}

function approvalsIn(votes: readonly Vote[]): number {
  return votes.filter(({ decision }) => decision === 'APPROVED').length;
}

function sourceOf({ rollbackOf, source }: SyncRequest): string {
  return rollbackOf === undefined ? source : `as before sync ${rollbackOf}`;
}

function nameSome(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return `${names.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const MOST_NAMES = 5;
const MOST_DESTINATIONS = 200;
const MOST_FILES = 400;
