import { Hono } from 'hono';
import { html } from 'hono/html';
import { duration } from '#core/duration.ts';
import type { Fleet } from '#core/fleet.ts';
import { printable } from '#core/printable.ts';
import type { ServerId } from '#core/server.ts';
import { listSyncs, type PastSync } from '../../observe/list-syncs.ts';
import { lookAtServers, type ServerOverview } from '../../observe/look-at-servers.ts';
import { readFleet } from '../../read-fleet.ts';
import type { ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { type Html, page } from '../parts/layout.ts';
import { noFleet } from '../parts/no-fleet.ts';
import { table } from '../parts/table.ts';
import { badge, moment, verdictBadge } from '../parts/words.ts';

/** Servers by site: when each was last heard of, how its last sync ended, what runs now. */
export function fleetPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  app.get('/', async (context) => {
    const { now, store } = parts;
    const { signal } = context.req.raw;
    const fleet = await readFleet(store, signal);
    if (fleet === undefined)
      return page(context, { title: 'Fleet', section: 'fleet', help: 'fleet', body: noFleet('Fleet') });
    const [servers, syncs] = await Promise.all([
      lookAtServers({ store, fleet, now, signal, controlKey: await parts.controlKey() }),
      listSyncs(store, RECENT, signal),
    ]);
    const body = fleetBody({ fleet, servers, syncs, now: now() });
    return page(context, { title: `Fleet ${fleet.fleet}`, section: 'fleet', help: 'fleet', body });
  });
  return app;
}

interface FleetShown {
  readonly fleet: Fleet;
  readonly servers: readonly ServerOverview[];
  /** The newest first. */
  readonly syncs: readonly PastSync[];
  readonly now: Date;
}

function fleetBody(shown: FleetShown): Html {
  const sites = Map.groupBy(shown.servers, ({ server }) => server.split('/')[0] ?? '');
  const offline = shown.servers.filter((one) => one.offline).length;
  const running = shown.syncs.filter(({ verdict }) => verdict === undefined);
  return html`<h1>Fleet ${shown.fleet.fleet}</h1>
    <p class="summary">${shown.servers.length} servers at ${sites.size} sites, ${offline} of them offline.
      ${running.map(({ request }) => html`<a href="/syncs/${request.sync}">Sync ${request.sync} is under way</a> `)}</p>
    <p><a class="button primary" href="/synchronize">Synchronize Configurations…</a></p>
    <p><label>Find a server <input type="search" data-filters="servers" placeholder="site or name"></label></p>
    <div id="servers">${[...sites].map(([site, servers]) => siteTable(site, servers, shown))}</div>`;
}

function siteTable(site: string, servers: readonly ServerOverview[], shown: FleetShown): Html {
  return table({
    caption: `Site ${site}`,
    columns: ['Server', 'Agent', 'Last seen', 'Last sync', 'Now'],
    rows: servers.map((one) => [
      html`<a href="/servers/${one.server}">${one.server}</a>`,
      stateOf(one),
      one.status === undefined ? 'never' : seen(one.status.seenAt, shown.now),
      lastResult(one.server, shown.syncs),
      now(one.server, shown.syncs),
    ]),
    empty: 'This site names no server.',
  });
}

function stateOf({ offline, trouble }: ServerOverview): Html {
  if (trouble !== undefined)
    return html`${badge('bad', trouble.kind === 'stale-view' ? 'stale view' : 'bad status')} <small>${printable(trouble.detail)}</small>`;
  return offline ? badge('bad', 'offline') : badge('good', 'online');
}

function seen(at: string, now: Date): Html {
  return html`${moment(at)} <small>(${duration(Math.max(0, now.getTime() - Date.parse(at)))} ago)</small>`;
}

function lastResult(server: ServerId, syncs: readonly PastSync[]): Html | string {
  for (const { verdict } of syncs) {
    const found = verdict?.destinations.find((one) => one.server === server);
    if (verdict !== undefined && found !== undefined)
      return html`${verdictBadge(found.verdict)} <a href="/syncs/${verdict.sync}">${moment(verdict.finishedAt)}</a>`;
  }
  return '';
}

function now(server: ServerId, syncs: readonly PastSync[]): Html | string {
  const found = syncs.find(
    ({ request, verdict }) =>
      verdict === undefined && (request.source === server || request.destinations.includes(server)),
  );
  if (found === undefined) return '';
  const { source, sync } = found.request;
  return html`<a href="/syncs/${sync}">${badge('busy', source === server ? 'source of a sync' : 'being synced')}</a>`;
}

const RECENT = 100;
