import { duration } from '#core/duration.ts';
import { printable } from '#core/printable.ts';
import type { ServerId } from '#core/server.ts';
import type { ServerOverview, ServerTrouble } from '#functions/observe/look-at-servers.ts';
import { grid } from './grid.ts';
import { type Paint, time } from './text.ts';

export function showFleet(
  servers: readonly ServerOverview[],
  { now, paint }: { readonly now: Date; readonly paint: Paint },
): string {
  const table = grid(
    COLUMNS,
    servers.map(({ server, status, offline, trouble }) => [
      server,
      paint(offline || trouble ? 'bad' : 'good', stateOf({ offline, trouble })),
      status === undefined
        ? 'never'
        : `${time(status.seenAt)} (${duration(now.getTime() - Date.parse(status.seenAt))} ago)`,
      status === undefined ? '' : printable(status.agent),
      status?.manifest?.slice(0, 12) ?? '',
    ]),
    paint,
  ).trimEnd();
  const troubled = servers.flatMap(({ server, trouble }) => (trouble === undefined ? [] : [{ server, trouble }]));
  return [table, ...troubled.map((one) => paint('bad', describeTrouble(one)))].join('\n');
}

function stateOf({ offline, trouble }: Pick<ServerOverview, 'offline' | 'trouble'>): string {
  if (trouble?.kind === 'stale-view') return 'stale view';
  if (trouble?.kind === 'bad-status') return 'bad status';
  return offline ? 'offline' : 'online';
}

function describeTrouble({ server, trouble }: { readonly server: ServerId; readonly trouble: ServerTrouble }): string {
  const since = trouble.kind === 'stale-view' ? ` since ${time(trouble.since)}` : '';
  return `  ${server}: ${stateOf({ offline: false, trouble })}${since}: ${printable(trouble.detail)}`;
}

const COLUMNS = ['server', 'state', 'last seen', 'agent', 'manifest'].map((title) => ({ title }));
