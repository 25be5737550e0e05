import type { ServerState } from '../../observe/fleet-look.ts';
import type { LastResult } from '../../observe/recent-syncs.ts';

/** What one may ask of a server; several may hold. */
export interface Condition {
  readonly id: string;
  /** Behind a number of servers. */
  readonly title: string;
  /** Whether somebody should look at it. */
  readonly isUrgent: boolean;
  readonly holds: (server: ServerState) => boolean;
}

export type SyncState = 'in sync' | 'drifted' | 'not in sync' | 'not known';

/** By its last receipt, as the verdict of its last sync or verification judges it. */
export function syncStateOf(last: LastResult | undefined): SyncState {
  switch (last?.verdict) {
    case 'IN_SYNC':
    case 'SUCCEEDED':
    case 'VERIFIED':
    case 'SOURCE':
      return 'in sync';
    case 'DRIFTED':
      return 'drifted';
    case 'REFUSED':
    case 'ROLLED_BACK':
    case 'FAILED':
    case 'OFFLINE':
      return 'not in sync';
    case 'NOT_ATTEMPTED':
    case undefined:
      return 'not known';
  }
}

/** The most urgent first. */
export const CONDITIONS: readonly Condition[] = [
  {
    id: 'trouble',
    title: 'whose view of the store is wrong',
    isUrgent: true,
    holds: ({ trouble }) => trouble !== undefined,
  },
  { id: 'drifted', title: 'drifted', isUrgent: true, holds: ({ last }) => syncStateOf(last) === 'drifted' },
  { id: 'not-in-sync', title: 'not in sync', isUrgent: true, holds: ({ last }) => syncStateOf(last) === 'not in sync' },
  { id: 'offline', title: 'offline', isUrgent: true, holds: ({ offline }) => offline },
  { id: 'busy', title: 'in a sync now', isUrgent: false, holds: ({ now }) => now !== undefined },
  { id: 'in-sync', title: 'in sync', isUrgent: false, holds: ({ last }) => syncStateOf(last) === 'in sync' },
  { id: 'unknown', title: 'of which no sync says anything', isUrgent: false, holds: ({ last }) => last === undefined },
];

export function needsALook(server: ServerState): boolean {
  return urgencyOf(server) < CONDITIONS.length;
}

export function mostUrgentServers(servers: readonly ServerState[]): ServerState[] {
  return servers.filter(needsALook).toSorted((a, b) => urgencyOf(a) - urgencyOf(b));
}

function urgencyOf(server: ServerState): number {
  const index = CONDITIONS.findIndex(({ holds, isUrgent }) => isUrgent && holds(server));
  return index < 0 ? CONDITIONS.length : index;
}
