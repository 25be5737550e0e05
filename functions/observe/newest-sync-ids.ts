import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';

export interface NewestFirst {
  /** Where to begin: ids sort by time. Those that are newer still come all the same. */
  readonly now: Date;
  /** Only ids that sort before this text. */
  readonly before?: string | undefined;
  /** Only ids that do not sort before this text. */
  readonly from?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Ids of syncs, the newest first. A store lists from the oldest on: of a long history only as much is listed as somebody
 * reads, a stretch of time after the other, each four times as long as the one that came after it.
 */
export async function* newestSyncIds(store: ObjectStore, wanted: NewestFirst): AsyncGenerator<SyncId> {
  const { before = LAST, from = '', now, signal } = wanted;
  const oldest: SyncId[] = [];
  for await (const id of idsBetween(store, { from, before, signal })) {
    oldest.push(id);
    if (oldest.length === MOST_AT_ONCE) break;
  }
  const [first] = oldest;
  if (first === undefined || oldest.length < MOST_AT_ONCE) return yield* oldest.reverse();
  const latest = Math.min(now.getTime(), timeOf(before));
  let end = before;
  for (let days = 1; end > first; days = days * 4 + 1) {
    const start = beginningOf(new Date(latest - days * DAY_MILLISECONDS));
    const [, later = start] = [start, from].sort();
    const ids = await Array.fromAsync(idsBetween(store, { from: later, before: end, signal }));
    yield* ids.reverse();
    end = start;
  }
}

/** In order. */
async function* idsBetween(
  store: ObjectStore,
  { before, from, signal }: { readonly from: string; readonly before: string; readonly signal: AbortSignal },
): AsyncGenerator<SyncId> {
  for await (const name of store.listFolders(keys.syncs(), { from, signal })) {
    if (name >= before) return;
    const id = syncIdSchema.safeParse(name);
    if (id.success) yield id.data;
  }
}

/** What the ids of this second begin with. */
function beginningOf(time: Date): string {
  return time.toISOString().replace(/[-:]/g, '').slice(0, 15);
}

/** The end of the day that the text begins with. */
function timeOf(text: string): number {
  const time = Date.UTC(Number(text.slice(0, 4)), Number(text.slice(4, 6)) - 1, Number(text.slice(6, 8)) + 1);
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time;
}

/** Behind every id. */
const LAST = ':';
/** One page of a list of S3. */
const MOST_AT_ONCE = 1000;
const DAY_MILLISECONDS = 86_400_000;
