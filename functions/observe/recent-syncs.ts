import { parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import { type SyncId, type SyncRequest, syncRequestSchema } from '#core/sync.ts';
import { type DestinationVerdict, type SyncVerdict, syncVerdictSchema } from '#core/verdict.ts';
import { lookAtAll } from '../look-at-all.ts';
import { newestSyncIds } from './newest-sync-ids.ts';

/** How the newest sync ended that says something about a server. */
export interface LastResult {
  readonly sync: SyncId;
  /** `SOURCE`: the others were made like it. */
  readonly verdict: DestinationVerdict['verdict'] | 'SOURCE';
  readonly finishedAt: string;
}

export interface RecentSyncs {
  /** The newest first. */
  readonly underWay: readonly SyncRequest[];
  readonly results: ReadonlyMap<ServerId, LastResult>;
}

/** What the newest syncs say of servers. How a sync ended is read once; of most it is only asked whether they ended. */
export class RecentSyncsReader {
  readonly #store: ObjectStore;
  readonly #requests = new Map<SyncId, SyncRequest>();
  /** `undefined`: it has ended, nobody wanted to know how. */
  readonly #ended = new Map<SyncId, readonly (readonly [ServerId, LastResult])[] | undefined>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  async look(servers: ReadonlySet<ServerId>, now: Date): Promise<RecentSyncs> {
    const ids = await this.#findNewest(now);
    const missing = new Set(servers);
    const results = new Map<ServerId, LastResult>();
    for (let at = 0; at < ids.length && missing.size > 0; at += AT_ONCE) {
      const some = ids.slice(at, at + AT_ONCE);
      for (const ended of await lookAtAll(some, (id) => this.#readResults(id))) {
        for (const [server, result] of ended ?? []) if (missing.delete(server)) results.set(server, result);
      }
    }
    const underWay = await lookAtAll(ids, (id) => this.#findUnderWay(id));
    return { results, underWay: underWay.filter((request) => request !== undefined) };
  }

  async #findNewest(now: Date): Promise<SyncId[]> {
    const ids: SyncId[] = [];
    for await (const id of newestSyncIds(this.#store, { now, signal: NEVER })) {
      if (ids.length === RECENT) break;
      ids.push(id);
    }
    const kept = new Set(ids);
    for (const known of [this.#ended, this.#requests])
      for (const id of known.keys()) if (!kept.has(id)) known.delete(id);
    return ids;
  }

  async #readResults(sync: SyncId): Promise<readonly (readonly [ServerId, LastResult])[] | undefined> {
    const known = this.#ended.get(sync);
    if (known !== undefined) return known;
    const stored = await this.#store.get(keys.verdict(sync));
    if (stored === undefined) return undefined;
    const results = resultsOf(parseDocument(keys.verdict(sync), syncVerdictSchema, stored.body));
    this.#ended.set(sync, results);
    return results;
  }

  async #findUnderWay(sync: SyncId): Promise<SyncRequest | undefined> {
    if (this.#ended.has(sync)) return undefined;
    if ((await this.#store.head(keys.verdict(sync))) !== undefined) {
      this.#ended.set(sync, undefined);
      return undefined;
    }
    const known = this.#requests.get(sync);
    if (known !== undefined) return known;
    const stored = await this.#store.get(keys.request(sync));
    if (stored === undefined) return undefined;
    const request = parseDocument(keys.request(sync), syncRequestSchema, stored.body);
    this.#requests.set(sync, request);
    return request;
  }
}

/** Who was not attempted is as he was before. */
function resultsOf({ destinations, finishedAt, source, sync, verdict }: SyncVerdict): [ServerId, LastResult][] {
  const attempted = destinations.filter((one) => one.verdict !== 'NOT_ATTEMPTED');
  const results = attempted.map((one): [ServerId, LastResult] => [
    one.server,
    { sync, finishedAt, verdict: one.verdict },
  ]);
  const isLikeIt = verdict === 'SUCCEEDED' || verdict === 'IN_SYNC';
  return isLikeIt ? [...results, [source.server, { sync, finishedAt, verdict: 'SOURCE' }]] : results;
}

const NEVER = new AbortController().signal;
const RECENT = 100;
const AT_ONCE = 8;
