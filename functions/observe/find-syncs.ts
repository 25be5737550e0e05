import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SyncId } from '#core/sync.ts';
import { syncVerdictSchema } from '#core/verdict.ts';
import { listSyncIds, type PastSync, readSyncs } from './list-syncs.ts';

export const SOUGHT_VERDICTS = ['UNDER_WAY', ...syncVerdictSchema.shape.verdict.options] as const;

export interface SyncsSought {
  /** In the id of the source or of a destination. */
  readonly server: string;
  readonly verdict: (typeof SOUGHT_VERDICTS)[number] | undefined;
  /** Days, `2026-01-02`, in UTC; both included. */
  readonly from: string;
  readonly to: string;
  /** Only those that were asked for before this one. */
  readonly before: SyncId | undefined;
}

export interface SyncsFound {
  /** The newest first. */
  readonly syncs: readonly PastSync[];
  /** From where to go on; `undefined` when there are no more. */
  readonly next: SyncId | undefined;
}

/** The newest of those that are sought, at most `most`; and from where to go on when it has looked at many. */
export async function findSyncs(
  store: ObjectStore,
  sought: SyncsSought,
  { most, signal }: { readonly most: number; readonly signal: AbortSignal },
): Promise<SyncsFound> {
  const ids = (await listSyncIds(store, signal)).filter((id) => isInTime(id, sought));
  const syncs: PastSync[] = [];
  for (let at = 0; at < ids.length; at += READ_AT_ONCE) {
    const read = await readSyncs(store, ids.slice(at, at + READ_AT_ONCE), signal);
    for (const sync of read) {
      if (!isSought(sync, sought)) continue;
      syncs.push(sync);
      if (syncs.length === most)
        return { syncs, next: sync.request.sync === ids.at(-1) ? undefined : sync.request.sync };
    }
    const last = ids[at + READ_AT_ONCE - 1];
    if (at + READ_AT_ONCE >= MOST_READ && at + READ_AT_ONCE < ids.length) return { syncs, next: last };
  }
  return { syncs, next: undefined };
}

/** By its id, which begins with the second of the request. */
function isInTime(id: SyncId, { before, from, to }: SyncsSought): boolean {
  const day = `${id.slice(0, 4)}-${id.slice(4, 6)}-${id.slice(6, 8)}`;
  return (before === undefined || id < before) && (from === '' || day >= from) && (to === '' || day <= to);
}

function isSought({ request, verdict }: PastSync, { server, verdict: sought }: SyncsSought): boolean {
  if (sought !== undefined && (verdict?.verdict ?? 'UNDER_WAY') !== sought) return false;
  return request.source.includes(server) || request.destinations.some((one) => one.includes(server));
}

const READ_AT_ONCE = 50;
/** Requests and verdicts that are read for one page. */
const MOST_READ = 2000;
