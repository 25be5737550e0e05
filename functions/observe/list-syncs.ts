import pLimit from 'p-limit';
import type { z } from 'zod';
import { parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type SyncId, type SyncRequest, syncRequestSchema } from '#core/sync.ts';
import { type SyncVerdict, syncVerdictSchema } from '#core/verdict.ts';
import { newestSyncIds } from './newest-sync-ids.ts';

export interface PastSync {
  readonly request: SyncRequest;
  /** `undefined` while it is under way. */
  readonly verdict: SyncVerdict | undefined;
}

/** The newest syncs, at most `most`, the newest first. */
export async function listSyncs(
  store: ObjectStore,
  { most, now, signal }: { readonly most: number; readonly now: Date; readonly signal: AbortSignal },
): Promise<PastSync[]> {
  const ids: SyncId[] = [];
  for await (const id of newestSyncIds(store, { now, signal })) {
    if (ids.length === most) break;
    ids.push(id);
  }
  return await readSyncs(store, ids, signal);
}

/** Those that there are, in this order. */
export async function readSyncs(store: ObjectStore, ids: readonly SyncId[], signal: AbortSignal): Promise<PastSync[]> {
  const parallel = pLimit(PARALLEL_READS);
  const syncs = await Promise.all(ids.map((id) => parallel(() => readSync(store, id, signal))));
  return syncs.filter((sync) => sync !== undefined);
}

async function readSync(store: ObjectStore, sync: SyncId, signal: AbortSignal): Promise<PastSync | undefined> {
  const read = async <T>(key: string, schema: z.ZodType<T>) => {
    const stored = await store.get(key, { signal });
    return stored && parseDocument(key, schema, stored.body);
  };
  const request = await read(keys.request(sync), syncRequestSchema);
  return request && { request, verdict: await read(keys.verdict(sync), syncVerdictSchema) };
}

const PARALLEL_READS = 16;
