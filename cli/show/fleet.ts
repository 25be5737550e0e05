import { duration } from '#core/duration.ts';
import { printable } from '#core/printable.ts';
import type { AgentStatus } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { grid } from './grid.ts';
import { type Paint, time } from './text.ts';

export interface ServerOverview {
  readonly server: ServerId;
  /** What its agent said last; `undefined` before its first word. */
  readonly status: AgentStatus | undefined;
  /** Whether that is longer ago than the fleet file allows. */
  readonly offline: boolean;
}

export function showFleet(
  servers: readonly ServerOverview[],
  { now, paint }: { readonly now: Date; readonly paint: Paint },
): string {
  return grid(
    COLUMNS,
    servers.map(({ server, status, offline }) => [
      server,
      offline ? paint('bad', 'offline') : paint('good', 'online'),
      status === undefined
        ? 'never'
        : `${time(status.seenAt)} (${duration(now.getTime() - Date.parse(status.seenAt))} ago)`,
      status === undefined ? '' : printable(status.agent),
      status?.manifest?.slice(0, 12) ?? '',
    ]),
    paint,
  ).trimEnd();
}

const COLUMNS = ['server', 'state', 'last seen', 'agent', 'manifest'].map((title) => ({ title }));
