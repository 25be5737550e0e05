import { Hono } from 'hono';
import { html } from 'hono/html';
import { BadInput, InvalidDocument } from '#core/errors.ts';
import { orderId } from '#core/keys.ts';
import { hasChanges, type Plan, shortCode } from '#core/plan.ts';
import { type SecretRules, secretsAt } from '#core/secret-rules.ts';
import type { SyncId } from '#core/sync.ts';
import { count } from '../../count.ts';
import { mostUrgentFirst } from '../../describe-notices.ts';
import { sumByClass } from '../../sum-changes.ts';
import { loadPlan, loadReceipt, loadRequest } from '../../sync-documents.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { findOperation, findOperations, openPartOf } from '../find-operations.ts';
import { parseSyncId } from '../parse-sync-id.ts';
import { page } from '../parts/layout.ts';
import { linkTo, moreLinks, shownPath, takeWithin } from '../parts/paths.ts';
import { readSides } from '../read-sides.ts';
import { destinationSummary } from './destination-summary.ts';
import { fileDifferences } from './file-differences.ts';
import { filterForm, operationRows, operationTable, readFilter } from './operation-table.ts';
import { classTable, planNotes } from './plan-summary.ts';

/** What a plan would do: by class, by file, and in small text files by line. */
export function differencesPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  app.get('/:sync/differences', (context) => showPlan(context, parts));
  app.get('/:sync/differences/:site/:name', (context) => showDestination(context, parts));
  app.get('/:sync/differences/:site/:name/file', (context) => showFile(context, parts));
  return app;
}

async function showPlan(context: ConsoleContext, parts: ConsoleParts): Promise<Response> {
  const { plan, sync } = await findPlan(context, parts);
  if (plan === undefined) return await show(context, sync, notPlanned(sync));
  const find = (context.req.query('find') ?? '').trim().toLowerCase();
  const first = Math.max(0, Number.parseInt(context.req.query('from') ?? '0', 10) || 0);
  const found = mostUrgentFirst(plan.destinations).filter(({ server }) => server.includes(find));
  const shown = await takeWithin(
    found.slice(first, first + DESTINATIONS_ON_A_PAGE).map((one) => destinationSummary(plan, one)),
    MOST_MARKUP,
  );
  const here = `/syncs/${sync}/differences`;
  const next = first + shown.length;
  const more = moreLinks(
    first > 0 ? linkTo(here, { find }) : undefined,
    next < found.length && shown.length > 0 ? linkTo(here, { find, from: String(next) }) : undefined,
  );
  return await show(
    context,
    sync,
    html`<h1>Differences of sync <code>${sync}</code></h1>
      <p>Plan <code>${shortCode(plan.digest)}</code>; <a href="/syncs/${sync}">back to the sync</a>${decideLink(plan)}</p>
      ${planNotes(plan)}
      ${plan.destinations.length > 1 ? classTable('All destinations, by class', sumByClass(plan)) : ''}
      <form method="get" action="${here}"><label for="field-find">Find a destination</label>
        <input id="field-find" name="find" type="search" value="${find}" aria-describedby="field-find-hint"> <button>Find</button>
        <p class="hint" id="field-find-hint">Part of a site or a name. Those to look at first come first.</p></form>
      <p class="summary">${shown.length === 0 ? 'No destination fits.' : `${first + 1} to ${next} of ${count(found.length, 'destination')}`}</p>
      ${shown} ${more}`,
  );
}

async function showDestination(context: ConsoleContext, parts: ConsoleParts): Promise<Response> {
  const { plan, planned, sync } = await findPlanned(context, parts);
  const { server } = planned;
  const top = html`<h1>What would change at ${server}</h1>
    <p><a href="/syncs/${sync}">Sync ${sync}</a>, <a href="/syncs/${sync}/differences">all its destinations</a>,
      <a href="/servers/${server}">server ${server}</a></p>
    ${destinationSummary(plan, planned, 'page')}`;
  if (planned.outcome !== 'changes') return await show(context, sync, top);
  const filter = readFilter(context);
  const part = await openPartOf(parts, plan, planned);
  const { isMore, operations } = await findOperations(part, filter, OPERATIONS_ON_A_PAGE);
  const rows = await takeWithin(operationRows({ operations, planned, sync }), MOST_MARKUP);
  const last = operations[rows.length - 1]?.path;
  const here = `/syncs/${sync}/differences/${server}`;
  const query = { change: filter.change, class: filter.class, find: filter.find };
  const isCut = rows.length > 0 && (isMore || rows.length < operations.length);
  return await show(
    context,
    sync,
    html`${top} ${filterForm({ filter, here, planned })} ${operationTable(rows)}
      ${moreLinks(
        filter.after === '' ? undefined : linkTo(here, query),
        isCut && last !== undefined ? linkTo(here, { ...query, after: last }) : undefined,
      )}`,
  );
}

async function showFile(context: ConsoleContext, parts: ConsoleParts): Promise<Response> {
  const { plan, planned, sync } = await findPlanned(context, parts);
  const path = context.req.query('path') ?? '';
  const part = planned.outcome === 'changes' ? await openPartOf(parts, plan, planned) : undefined;
  const operation = part && (await findOperation(part, path));
  if (part === undefined || operation === undefined)
    throw new BadInput(`the plan of sync ${sync} changes no such file at ${planned.server}: ${shownPath(path)}`);
  const sides = await readSides(parts.store, part.header, operation);
  const secrets = secretsAt(await findSecretRules(parts.store, plan), operation.path);
  return await show(context, sync, fileDifferences({ operation, secrets, server: planned.server, sides, sync }));
}

/** As the source has signed them together with what it sent; the profile of all servers of a plan is the same. */
async function findSecretRules(store: ConsoleParts['store'], plan: Plan): Promise<SecretRules | undefined> {
  const { server } = plan.source;
  const receipt = await loadReceipt(store, server, orderId(plan.sync, 'inventory', server));
  return receipt?.step === 'inventory' && receipt.outcome === 'DONE' ? receipt.secrets : undefined;
}

interface Planned {
  readonly sync: SyncId;
  readonly plan: Plan | undefined;
}

async function findPlan(context: ConsoleContext, { controlKey, store }: ConsoleParts): Promise<Planned> {
  const sync = parseSyncId(context.req.param('sync') ?? '');
  const key = await controlKey();
  const plan = key === undefined ? undefined : await loadPlan(store, sync, key);
  if (plan === undefined) await loadRequest(store, sync).catch((error: unknown) => refuseUnknown(sync, error));
  return { sync, plan };
}

function refuseUnknown(sync: SyncId, error: unknown): never {
  if (error instanceof InvalidDocument && error.what === `sync ${sync}`) throw new BadInput(`there is no sync ${sync}`);
  throw error;
}

async function findPlanned(context: ConsoleContext, parts: ConsoleParts) {
  const { plan, sync } = await findPlan(context, parts);
  const server = `${context.req.param('site')}/${context.req.param('name')}`;
  const planned = plan?.destinations.find((one) => one.server === server);
  if (plan === undefined || planned === undefined)
    throw new BadInput(
      plan === undefined ? `sync ${sync} has no plan yet` : `${shownPath(server)} is no destination of sync ${sync}`,
    );
  return { plan, planned, sync };
}

async function show(context: ConsoleContext, sync: SyncId, body: ReturnType<typeof html>): Promise<Response> {
  return await page(context, { title: `Differences of ${sync}`, section: 'history', help: 'differences', body });
}

function decideLink(plan: Plan) {
  return hasChanges(plan) && !plan.policy.dryRun
    ? html`; <a href="/approvals/${plan.sync}">approve or reject it</a>`
    : '';
}

function notPlanned(sync: SyncId) {
  return html`<h1>Differences of sync <code>${sync}</code></h1>
    <p class="empty">There is no plan yet: the servers are still saying what they have, or the sync ended before.
      <a href="/syncs/${sync}">The page of the sync</a> shows how far it is.</p>`;
}

const DESTINATIONS_ON_A_PAGE = 20;
const OPERATIONS_ON_A_PAGE = 200;
/** With what stands around it a page stays below 200 KB. */
const MOST_MARKUP = 150_000;
