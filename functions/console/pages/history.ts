import { Hono } from 'hono';
import { html } from 'hono/html';
import * as z from 'zod';
import { BadInput } from '#core/errors.ts';
import { printable } from '#core/printable.ts';
import { describeTransfer, haveFetched, sumTransfers } from '../../describe-transfer.ts';
import { findSyncs, SOUGHT_VERDICTS, type SyncsSought } from '../../observe/find-syncs.ts';
import type { PastSync } from '../../observe/list-syncs.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { toCsv, toJson } from '../history-export.ts';
import { parseSyncId } from '../parse-sync-id.ts';
import { choiceField, textField } from '../parts/field.ts';
import { type Html, page } from '../parts/layout.ts';
import { linkTo, moreLinks } from '../parts/paths.ts';
import { type Cell, table } from '../parts/table.ts';
import { badge, moment, verdictBadge } from '../parts/words.ts';

/** What was synced, when, on whose word, and how it ended. */
export function historyPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  const find = async (context: ConsoleContext, most: number) =>
    await findSyncs(parts.store, readSought(context), { most, now: parts.now(), signal: context.req.raw.signal });

  app.get('/', async (context) => {
    const sought = readSought(context);
    const { next, syncs } = await find(context, SYNCS_ON_A_PAGE);
    return await page(context, { ...PAGE, body: historyBody({ next, sought, syncs }) });
  });

  app.get('/export.csv', async (context) => {
    const { syncs } = await find(context, MOST_EXPORTED);
    return context.body(toCsv(syncs), 200, attachment('text/csv; charset=utf-8', 'lockstep-history.csv'));
  });

  app.get('/export.json', async (context) => {
    const { syncs } = await find(context, MOST_EXPORTED);
    return context.body(toJson(syncs), 200, attachment('application/json', 'lockstep-history.json'));
  });
  return app;
}

/** BadInput for what the form cannot have sent. */
function readSought({ req }: ConsoleContext): SyncsSought {
  const parsed = soughtSchema.safeParse({
    server: req.query('server') ?? '',
    verdict: req.query('verdict') || undefined,
    from: req.query('from') ?? '',
    to: req.query('to') ?? '',
  });
  if (!parsed.success)
    throw new BadInput('those filters cannot be used: dates look like 2026-01-02, and the verdict is one of the list');
  const before = req.query('before') || undefined;
  return {
    ...parsed.data,
    verdict: parsed.data.verdict,
    before: before === undefined ? undefined : parseSyncId(before),
  };
}

interface HistoryShown {
  readonly sought: SyncsSought;
  readonly syncs: readonly PastSync[];
  readonly next: SyncsSought['before'];
}

function historyBody({ next, sought, syncs }: HistoryShown): Html {
  const { from, server, to, verdict } = sought;
  const query = { server, verdict, from, to };
  const isFiltered = Object.values(query).some((value) => (value ?? '') !== '');
  return html`<h1>History</h1>
    ${filterForm(sought)}
    ${table({
      caption: 'Syncs, the newest first',
      columns: ['Sync', 'Asked for', 'By', 'Source', 'Destinations', 'Mode', 'Result', 'Transfer'],
      rows: syncs.map(syncRow),
      empty: emptyHistory(isFiltered, next !== undefined),
    })}
    ${moreLinks(
      sought.before === undefined ? undefined : linkTo('/history', query),
      next === undefined ? undefined : linkTo('/history', { ...query, before: next }),
    )}
    <p>Export what these filters find: <a href="${linkTo('/history/export.csv', query)}" download>CSV</a>,
      <a href="${linkTo('/history/export.json', query)}" download>JSON</a>
      <small>(the newest ${MOST_EXPORTED.toLocaleString('en')} at most)</small></p>`;
}

function emptyHistory(isFiltered: boolean, isMore: boolean): Html {
  if (isMore) return html`None of the newer syncs fits: look at what comes next.`;
  if (isFiltered) return html`No sync fits these filters. <a href="/history">Show all</a>.`;
  return html`Nothing was synchronized yet. <a href="/synchronize">Synchronize Configurations</a> to begin.`;
}

function filterForm({ from, server, to, verdict }: SyncsSought): Html {
  return html`<form method="get" action="/history" class="filter">
      ${textField({ name: 'server', label: 'Server', type: 'search', value: server, hint: 'Part of a site or a name, of the source or a destination.' })}
      ${choiceField({
        name: 'verdict',
        label: 'Result',
        hint: 'How the sync ended.',
        value: verdict ?? '',
        options: [['', 'all'], ...SOUGHT_VERDICTS.map((one) => [one, wordOf(one)] as const)],
      })}
      ${textField({ name: 'from', label: 'From', type: 'date', value: from, hint: 'The first day, in UTC.' })}
      ${textField({ name: 'to', label: 'To', type: 'date', value: to, hint: 'The last day, in UTC.' })}
      <button>Show</button></form>`;
}

function syncRow({ request, verdict }: PastSync): Cell[] {
  const { destinations, policy, requestedAt, requestedBy, source, sync } = request;
  const fetched = haveFetched(verdict?.destinations ?? []);
  const named = destinations.slice(0, MOST_NAMED).join(', ');
  return [
    html`<a href="/syncs/${sync}">${sync}</a>`,
    moment(requestedAt),
    printable(requestedBy),
    html`<a href="/servers/${source}">${source}</a>`,
    destinations.length > MOST_NAMED ? `${named} and ${destinations.length - MOST_NAMED} more` : named,
    modeOf(policy),
    verdict === undefined ? badge('busy', 'under way') : verdictBadge(verdict.verdict),
    fetched.length === 0 ? '' : describeTransfer(sumTransfers(fetched)),
  ];
}

function modeOf({ dryRun, mode, verify }: PastSync['request']['policy']): string {
  if (verify === true) return 'verify';
  return dryRun ? `${mode}, only looked` : mode;
}

function wordOf(verdict: string): string {
  return verdict.replaceAll('_', ' ').toLowerCase();
}

function attachment(type: string, name: string): Record<string, string> {
  return { 'Content-Type': type, 'Content-Disposition': `attachment; filename="${name}"` };
}

const daySchema = z.union([z.literal(''), z.iso.date()]);
const soughtSchema = z.object({
  server: z.string().trim().toLowerCase().max(130),
  verdict: z.enum(SOUGHT_VERDICTS).optional(),
  from: daySchema,
  to: daySchema,
});
const PAGE = { title: 'History', section: 'history', help: 'history' } as const;
const SYNCS_ON_A_PAGE = 50;
const MOST_EXPORTED = 2000;
const MOST_NAMED = 3;
