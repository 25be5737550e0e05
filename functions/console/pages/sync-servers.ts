import type { Hono } from 'hono';
import { html } from 'hono/html';
import { printable } from '#core/printable.ts';
import { count } from '../../count.ts';
import {
  byUrgency,
  countStates,
  DESTINATION_STATES,
  type DestinationState,
  mostUrgent,
  type ShownServer,
  statesOf,
} from '../../observe/destination-states.ts';
import type { SyncView } from '../../observe/observe-sync.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { observationsOf } from '../observations.ts';
import { parseSyncId } from '../parse-sync-id.ts';
import { type Html, page } from '../parts/layout.ts';
import { linkTo, moreLinks } from '../parts/paths.ts';
import { type Cell, table } from '../parts/table.ts';
import { badge, bytes, verdictBadge } from '../parts/words.ts';
import { receiptPath } from './sync-receipts.ts';

/** Nobody is at work while people decide. Of many servers, those to look at first; a page behind has them all. */
export function serversSection(view: SyncView): Html | string {
  if (view.phase === 'approval') return '';
  const all = statesOf(view);
  const shown = mostUrgent(all, MOST_LIVE);
  return html`${all.length > shown.length ? stateLinks(view, all) : ''}
${serversTable(view, shown)}`;
}

/** Every server of a sync, by state. */
export function serversOfSync(app: Hono<ConsoleEnvironment>, parts: ConsoleParts): void {
  app.get('/:sync/servers', async (context) => {
    const view = await observationsOf(parts).look(parseSyncId(context.req.param('sync')));
    const { find, from, state } = readWish(context);
    const { sync } = view.request;
    const all = byUrgency(statesOf(view));
    const fitting = all.filter((one) => (state === undefined || one.state === state) && one.server.includes(find));
    const path = `/syncs/${sync}/servers`;
    const next = from + MOST_ROWS < fitting.length ? String(from + MOST_ROWS) : undefined;
    const body = html`<h1>Servers of sync <code>${sync}</code></h1>
      <p><a href="/syncs/${sync}">The sync</a></p>
      ${stateLinks(view, all)}
      <form method="get" action="${path}" class="filter">
        ${state === undefined ? '' : html`<input type="hidden" name="state" value="${state}">`}
        <div class="field"><label for="field-find">Find a server</label>
        <input id="field-find" name="find" type="search" value="${find}" aria-describedby="field-find-hint">
        <p class="hint" id="field-find-hint">Part of a site or a name.</p></div> <button>Find</button></form>
      ${serversTable(view, fitting.slice(from, from + MOST_ROWS))}
      ${moreLinks(
        from === 0 ? undefined : linkTo(path, { state, find }),
        next === undefined ? undefined : linkTo(path, { state, find, from: next }),
      )}`;
    return await page(context, { title: `Servers of sync ${sync}`, section: 'history', help: 'sync', body });
  });
}

/** Of an address that anybody may have typed. */
function readWish({ req }: ConsoleContext) {
  const from = Number(req.query('from'));
  return {
    find: (req.query('find') ?? '').trim().toLowerCase().slice(0, LONGEST_FIND),
    state: DESTINATION_STATES.find((state) => state === req.query('state')),
    from: Number.isSafeInteger(from) && from > 0 ? from : 0,
  };
}

function stateLinks({ request, verdict }: SyncView, all: readonly ShownServer[]): Html {
  const path = `/syncs/${request.sync}/servers`;
  const words = verdict === undefined ? STATES : { ...STATES, 'not-begun': 'not attempted' };
  const links = [...countStates(all)].filter(([, servers]) => servers > 0);
  return html`<ul class="notes"><li><a href="${path}">${count(all.length, 'server')} in all</a></li>
${links.map(
  ([state, servers]) =>
    html`<li><a href="${linkTo(path, { state })}">${servers.toLocaleString('en')} ${words[state]}</a></li>\n`,
)}</ul>`;
}

function serversTable({ verdict }: SyncView, shown: readonly ShownServer[]): Html {
  if (verdict === undefined)
    return table({
      caption: 'Synchronization Progress',
      columns: ['Server', 'State', 'Done'],
      rows: shown.map((one) => [nameOf(one), describe(one), meter(one)]),
      empty: 'No server is at work at this moment.',
    });
  return table({
    caption: 'Synchronization Result',
    columns: ['Server', 'Result', 'Created', 'Updated', 'Removed', 'Fetched', 'Receipt', 'Why'],
    rows: shown.flatMap((one) => (one.verdict === undefined ? [] : [resultRow(one, one.verdict)])),
    empty: 'No destination is named.',
  });
}

function nameOf({ server }: ShownServer): Html {
  return html`<a href="/servers/${server}">${server}</a>`;
}

function describe({ state, view }: ShownServer): Html | string {
  const { progress, receipt } = view ?? {};
  if (receipt === undefined) return progress === undefined ? STATES[state] : printable(progress.stage);
  return badge(state === 'done' ? 'good' : 'bad', receipt.outcome.replaceAll('_', ' ').toLowerCase());
}

function meter({ server, view }: ShownServer): Html | string {
  if (view?.progress === undefined || view.receipt !== undefined) return '';
  const { bytesDone, bytesTotal, filesDone, filesTotal } = view.progress;
  const [done, total] = bytesTotal > 0 ? [bytesDone, bytesTotal] : [filesDone, filesTotal];
  const text =
    bytesTotal > 0 ? `${bytes(bytesDone)} of ${bytes(bytesTotal)}` : `${filesDone} of ${count(filesTotal, 'file')}`;
  return html`<progress aria-label="${server}" max="${Math.max(1, total)}" value="${Math.min(done, total)}"></progress> <span class="amount">${text}</span>`;
}

function resultRow(shown: ShownServer, verdict: NonNullable<ShownServer['verdict']>): Cell[] {
  const { changes, detail, reason, server, verdict: word } = verdict;
  const why = [reason, detail].filter((text) => text !== undefined).map(printable);
  const path = receiptPath(verdict);
  return [
    nameOf(shown),
    verdictBadge(word),
    changes.create,
    changes.update,
    changes.remove,
    bytes(verdict.bytesFetched),
    path === undefined
      ? ''
      : html`<a href="${path}" download aria-label="Download the receipt of ${server}">Download</a>`,
    cut(why.join(': ')),
  ];
}

/** The receipt has it whole. */
function cut(text: string): string {
  return text.length > LONGEST_WHY ? `${text.slice(0, LONGEST_WHY)}…` : text;
}

const STATES: Readonly<Record<DestinationState, string>> = {
  failed: 'failed',
  running: 'at work',
  waiting: 'waiting for its agent',
  'not-begun': 'waiting for its wave',
  done: 'done',
};

/** Each with a line that changes: this is sent again and again. */
const MOST_LIVE = 30;
const MOST_ROWS = 100;
const LONGEST_FIND = 200;
const LONGEST_WHY = 300;
