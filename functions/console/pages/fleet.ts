import { Hono } from 'hono';
import { html } from 'hono/html';
import { duration } from '#core/duration.ts';
import { count } from '../../count.ts';
import { FleetLook, type FleetView } from '../../observe/fleet-look.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { type Html, page } from '../parts/layout.ts';
import { noFleet } from '../parts/no-fleet.ts';
import { linkTo, moreLinks } from '../parts/paths.ts';
import { moment } from '../parts/words.ts';
import { CONDITIONS, type Condition, mostUrgentServers } from './fleet-conditions.ts';
import { serverTable, siteOf, sitesTable } from './fleet-tables.ts';
import { problemPage } from './problem.ts';

/** Servers by site: when each was last heard of, whether it is in sync, what runs now. One look serves all who ask. */
export function fleetPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  const { controlKey, holdsAnswers, now, store } = parts;
  const patience = holdsAnswers === true ? { mostMilliseconds: 0 } : PATIENCE;
  const fleet = new FleetLook(store, { controlKey, now, ...patience });
  readAhead(fleet, parts);

  app.get('/', async (context) => {
    const view = await fleet.look();
    if (view === undefined) return page(context, { ...PAGE, title: 'Fleet', body: noFleet('Fleet') });
    const wish = readWish(context);
    const body = html`<h1>Fleet ${view.fleet.fleet}</h1>
      ${summary(view, now())}
      <p><a class="button primary" href="/synchronize">Synchronize Configurations…</a></p>
      ${findForm(wish, view.servers.length <= FEW)}
      ${isSearch(wish) ? found(view, wish) : overview(view, wish)}`;
    return page(context, { ...PAGE, title: `Fleet ${view.fleet.fleet}`, body });
  });

  app.get('/sites/:site', async (context) => {
    const view = await fleet.look();
    const site = context.req.param('site');
    const servers = view?.servers.filter(({ server }) => siteOf(server) === site) ?? [];
    if (view === undefined || servers.length === 0)
      return await problemPage(context, 404, 'There is no such site', 'The page Fleet shows the sites that there are.');
    const { from } = readWish(context);
    const body = html`<h1>Site ${site}</h1>
      <p><a href="/">All of fleet ${view.fleet.fleet}</a></p>
      ${summary({ ...view, servers, underWay: [] }, now())}
      ${serverTable(`Servers of ${site}`, servers.slice(from, from + MOST_SERVERS), view.at)}
      ${pages(`/sites/${site}`, {}, { from, shown: MOST_SERVERS, all: servers.length })}`;
    return await page(context, { ...PAGE, title: `Site ${site}`, body });
  });
  return app;
}

/** What keeps it from that is met again, and said, by who asks first. */
function readAhead(fleet: FleetLook, { log, readsAheadUntil: signal }: ConsoleParts): void {
  if (signal === undefined) return;
  fleet.readAhead(signal).catch((error: unknown) => {
    if (!signal.aborted)
      log('fleet-not-read-ahead', { message: error instanceof Error ? error.message : String(error) });
  });
}

interface Wish {
  readonly find: string;
  readonly condition: Condition | undefined;
  /** Rows before the first that is shown. */
  readonly from: number;
}

/** Of an address that anybody may have typed. */
function readWish({ req }: ConsoleContext): Wish {
  const from = Number(req.query('from'));
  return {
    find: (req.query('find') ?? '').trim().toLowerCase().slice(0, LONGEST_FIND),
    condition: CONDITIONS.find(({ id }) => id === req.query('state')),
    from: Number.isSafeInteger(from) && from > 0 ? from : 0,
  };
}

function isSearch({ condition, find }: Wish): boolean {
  return find !== '' || condition !== undefined;
}

function summary({ at, servers, underWay }: FleetView, now: Date): Html {
  const sites = new Set(servers.map(({ server }) => siteOf(server))).size;
  const counted = CONDITIONS.map(({ holds, id, title }) => ({ id, title, servers: servers.filter(holds).length }));
  const links = counted.filter((one) => one.servers > 0);
  const age = Math.max(0, now.getTime() - at.getTime());
  const [shown, left] = [underWay.slice(0, MOST_SYNCS), underWay.length - MOST_SYNCS];
  return html`<p class="summary">${count(servers.length, 'server')} at ${count(sites, 'site')}, as of ${moment(at.toISOString())}${
    age < 2000 ? '' : html` <small>(${duration(age)} ago)</small>`
  }.</p>${age < PATIENCE.mostMilliseconds ? '' : olderView(age)}
    <ul class="notes">${links.map(
      (one) =>
        html`<li><a href="${linkTo('/', { state: one.id })}">${one.servers.toLocaleString('en')} ${one.title}</a></li>`,
    )}${shown.map(({ sync }) => html`<li><a href="/syncs/${sync}">Sync ${sync} is under way</a></li>`)}${
      left > 0 ? html`<li><a href="/history?verdict=UNDER_WAY">and ${count(left, 'more sync')} under way</a></li>` : ''
    }</ul>`;
}

function olderView(age: number): Html {
  return html`<p class="notice" role="status">This view is ${duration(age)} old. A newer one is being read: <a href="">load the page again</a> in a moment.</p>`;
}

/** Works without a script; with one, what is on the page is found while one types. */
function findForm({ find }: Wish, showsAll: boolean): Html {
  return html`<form method="get" action="/" class="filter"><div class="field"><label for="field-find">Find a server</label>
      <input id="field-find" name="find" type="search" value="${find}"${showsAll ? html` data-filters="servers"` : ''} aria-describedby="field-find-hint">
      <p class="hint" id="field-find-hint">Part of a site or a name; several words find the servers of each.</p></div>
      <button>Find</button></form>`;
}

function found({ at, servers }: FleetView, { condition, find, from }: Wish): Html {
  const words = find.split(/\s+/);
  const fitting = servers.filter(
    (one) => (condition?.holds(one) ?? true) && words.some((word) => one.server.includes(word)),
  );
  const title = `${count(fitting.length, 'server')} ${condition?.title ?? ''}${find === '' ? '' : ` with ${find}`}`;
  return html`${serverTable(title, fitting.slice(from, from + MOST_SERVERS), at)}
    ${pages('/', { find, state: condition?.id }, { from, shown: MOST_SERVERS, all: fitting.length })}
    <p><a href="/">All servers</a></p>`;
}

/** A few servers are all shown; of many, those that somebody should look at, and the sites. */
function overview({ at, servers }: FleetView, { from }: Wish): Html {
  const sites = Map.groupBy(servers, ({ server }) => siteOf(server));
  if (servers.length <= FEW)
    return html`<div id="servers">${[...sites].map(([site, some]) => serverTable(`Site ${site}`, some, at))}</div>`;
  const urgent = mostUrgentServers(servers);
  const shown = urgent.slice(0, MOST_URGENT);
  return html`${shown.length === 0 ? '' : serverTable('Servers to look at first', shown, at)}
    ${urgent.length > shown.length ? html`<p>${count(urgent.length - shown.length, 'more server')} to look at: the numbers above lead to them.</p>` : ''}
    ${sitesTable([...sites].slice(from, from + MOST_SITES))}
    ${pages('/', {}, { from, shown: MOST_SITES, all: sites.size })}`;
}

interface Shown {
  readonly from: number;
  readonly shown: number;
  readonly all: number;
}

function pages(path: string, query: Readonly<Record<string, string | undefined>>, { all, from, shown }: Shown) {
  const next = from + shown < all ? linkTo(path, { ...query, from: String(from + shown) }) : undefined;
  return moreLinks(from === 0 ? undefined : linkTo(path, query), next);
}

const PAGE = { section: 'fleet', help: 'fleet' } as const;
/** Who comes when nobody has looked for so long waits for a newer view, so that the page comes within 300 ms all the same. */
const PATIENCE = { mostMilliseconds: 30_000, patienceMilliseconds: 200 } as const;
const FEW = 100;
const MOST_URGENT = 40;
const MOST_SERVERS = 100;
const MOST_SITES = 200;
const MOST_SYNCS = 5;
const LONGEST_FIND = 200;
