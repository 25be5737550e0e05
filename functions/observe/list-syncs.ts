import pLimit from 'p-limit';
import type { z } from 'zod';
import { parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type SyncId, type SyncRequest, syncIdSchema, syncRequestSchema } from '#core/sync.ts';
import { type SyncVerdict, syncVerdictSchema } from '#core/verdict.ts';

export interface PastSync {
  readonly request: SyncRequest;
  /** `undefined` while it is under way. */
  readonly verdict: SyncVerdict | undefined;
}

/** The `limit` newest syncs, the newest first. */
export async function listSyncs(store: ObjectStore, limit: number, signal: AbortSignal): Promise<PastSync[]> {
  return await readSyncs(store, (await listSyncIds(store, signal)).slice(0, limit), signal);
}

/** Of all syncs, the newest first. */
export async function listSyncIds(store: ObjectStore, signal: AbortSignal): Promise<SyncId[]> {
  const ids = new Set<SyncId>();
  for await (const { key } of store.list(keys.syncs(), { signal })) {
    const id = syncIdSchema.safeParse(key.slice(keys.syncs().length).split('/')[0]);
    if (id.success) ids.add(id.data);
  }
  return [...ids].sort().reverse();
}

/** Those that there are, in this order. */
export async function readSyncs(store: ObjectStore, ids: readonly SyncId[], signal: AbortSignal): Promise<PastSync[]> {
  const parallel = pLimit(16);
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
