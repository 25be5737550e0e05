import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SyncId } from '#core/sync.ts';
import { syncVerdictSchema } from '#core/verdict.ts';
import { type PastSync, readSyncs } from './list-syncs.ts';
import { newestSyncIds } from './newest-sync-ids.ts';

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

/**
 * The newest of those that are sought, at most `most`; and from where to go on when it has looked at many. `now` is where
 * it begins to look.
 */
export async function findSyncs(
  store: ObjectStore,
  sought: SyncsSought,
  { most, now, signal }: { readonly most: number; readonly now: Date; readonly signal: AbortSignal },
): Promise<SyncsFound> {
  const syncs: PastSync[] = [];
  let looked = 0;
  for await (const { ids, isLast } of inGroups(newestSyncIds(store, { now, signal, ...stretchOf(sought) }))) {
    for (const sync of await readSyncs(store, ids, signal)) {
      if (!isSought(sync, sought)) continue;
      syncs.push(sync);
      const { sync: id } = sync.request;
      if (syncs.length === most) return { syncs, next: isLast && id === ids.at(-1) ? undefined : id };
    }
    looked += ids.length;
    if (looked >= MOST_READ && !isLast) return { syncs, next: ids.at(-1) };
  }
  return { syncs, next: undefined };
}

/** An id begins with the second of the request, its day before the `T`. */
function stretchOf({ before, from, to }: SyncsSought): { readonly from: string; readonly before: string | undefined } {
  const end = to === '' ? undefined : `${to.replaceAll('-', '')}U`;
  const ends = [before, end].filter((text) => text !== undefined);
  return { from: from.replaceAll('-', ''), before: ends.sort()[0] };
}

interface Group {
  readonly ids: readonly SyncId[];
  readonly isLast: boolean;
}

async function* inGroups(all: AsyncIterable<SyncId>): AsyncGenerator<Group> {
  let ids: SyncId[] = [];
  for await (const id of all) {
    if (ids.length === READ_AT_ONCE) {
      yield { ids, isLast: false };
      ids = [];
    }
    ids.push(id);
  }
  yield { ids, isLast: true };
}

function isSought({ request, verdict }: PastSync, { server, verdict: sought }: SyncsSought): boolean {
  if (sought !== undefined && (verdict?.verdict ?? 'UNDER_WAY') !== sought) return false;
  return request.source.includes(server) || request.destinations.some((one) => one.includes(server));
}

const READ_AT_ONCE = 50;
/** Requests and verdicts that are read for one page. */
const MOST_READ = 2000;
