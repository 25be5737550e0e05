import { html } from 'hono/html';
import { duration } from '#core/duration.ts';
import { printable } from '#core/printable.ts';
import type { ServerId } from '#core/server.ts';
import { toneOf } from '#core/verdict.ts';
import type { ServerState } from '../../observe/fleet-look.ts';
import type { Html } from '../parts/layout.ts';
import { type Cell, table } from '../parts/table.ts';
import { badge, moment } from '../parts/words.ts';
import { needsALook, syncStateOf } from './fleet-conditions.ts';

export function siteOf(server: ServerId): string {
  return server.split('/')[0] ?? '';
}

export function serverTable(caption: string, servers: readonly ServerState[], at: Date): Html {
  return table({
    caption,
    columns: ['Server', 'Agent', 'Last seen', 'In sync', 'Now'],
    rows: servers.map((one) => [
      html`<a href="/servers/${one.server}">${one.server}</a>`,
      agentOf(one),
      one.status === undefined ? 'never' : seen(one.status.seenAt, at),
      syncStateCell(one),
      nowOf(one),
    ]),
    empty: html`No server fits. <a href="/">Show the whole fleet</a>.`,
  });
}

export function sitesTable(sites: readonly (readonly [string, readonly ServerState[]])[]): Html {
  return table({
    caption: 'Sites',
    columns: ['Site', 'Servers', 'To look at', 'Offline', 'Drifted', 'Not in sync', 'In sync', 'In a sync now'],
    rows: sites.map(([site, servers]) => siteRow(site, servers)),
    empty: 'The fleet file names no site.',
  });
}

function siteRow(site: string, servers: readonly ServerState[]): Cell[] {
  const number = (holds: (server: ServerState) => boolean) => servers.filter(holds).length;
  const inState = (state: ReturnType<typeof syncStateOf>) => number(({ last }) => syncStateOf(last) === state);
  const urgent = number(needsALook);
  return [
    html`<a href="/sites/${site}">${site}</a>`,
    servers.length,
    urgent === 0 ? 0 : badge('bad', String(urgent)),
    number(({ offline }) => offline),
    inState('drifted'),
    inState('not in sync'),
    inState('in sync'),
    number(({ now }) => now !== undefined),
  ];
}

function agentOf({ offline, trouble }: ServerState): Html {
  if (trouble === undefined) return offline ? badge('bad', 'offline') : badge('good', 'online');
  const detail = printable(trouble.detail);
  return html`${badge('bad', trouble.kind === 'stale-view' ? 'stale view' : 'bad status')}
    <small>${detail.length > LONGEST_DETAIL ? `${detail.slice(0, LONGEST_DETAIL)}…` : detail}</small>`;
}

function seen(seenAt: string, at: Date): Html {
  return html`${moment(seenAt)} <small>(${duration(Math.max(0, at.getTime() - Date.parse(seenAt)))} ago)</small>`;
}

function syncStateCell({ last }: ServerState): Html | string {
  if (last === undefined) return '';
  const { finishedAt, sync, verdict } = last;
  const state = syncStateOf(last);
  const tone = verdict === 'SOURCE' ? 'good' : toneOf(verdict);
  const why = verdict === 'SOURCE' ? 'source' : verdict.replaceAll('_', ' ').toLowerCase();
  return html`${badge(tone, state)} <a href="/syncs/${sync}">${why === state ? '' : `${why} `}${moment(finishedAt)}</a>`;
}

function nowOf({ now }: ServerState): Html | string {
  if (now === undefined) return '';
  return html`<a href="/syncs/${now.sync}">${badge('busy', now.isSource ? 'source of a sync' : 'being synced')}</a>`;
}

const LONGEST_DETAIL = 120;
