import * as z from 'zod';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { PLAN_BATCH_FORMAT, type PlanBatch, type PlannedDestination, planBatchSchema } from '#core/plan.ts';
import { isSignedBy, sign, signedSchema } from '#core/signed.ts';
import type { SyncId, SyncRequest } from '#core/sync.ts';
import { lookAtAll } from '../look-at-all.ts';
import { createOnce } from '../sync-documents.ts';
import { openPlanning, type PlanDependencies, planDestinations } from './planning.ts';

/** Destinations of a request that one call plans, as the workflow carries them. */
export const batchSchema = z.strictObject({ first: z.int().nonnegative(), count: z.int().min(1) });

export type Batch = z.infer<typeof batchSchema>;

/** What one call plans within about a minute: docs/scale.md. */
const MOST_AT_ONCE = 50;
const MOST_ENTRIES_AT_ONCE = 20_000_000;

/** `entries` are those of the source. */
export function divide(destinations: number, entries: number): Batch[] {
  const size = Math.max(1, Math.min(MOST_AT_ONCE, Math.floor(MOST_ENTRIES_AT_ONCE / Math.max(entries, 1))));
  return Array.from({ length: Math.ceil(destinations / size) }, (_, index) => ({
    first: index * size,
    count: Math.min(size, destinations - index * size),
  }));
}

export async function writeBatches(
  { store }: PlanDependencies,
  sync: SyncId,
  batches: readonly Batch[],
): Promise<void> {
  await store.put(keys.planBatches(sync), encodeDocument(batches));
}

/** Plans some destinations, and leaves it to be joined; what an earlier attempt has left stays. */
export async function planBatch(dependencies: PlanDependencies, request: SyncRequest, batch: Batch): Promise<void> {
  const { signer, store } = dependencies;
  const { sync } = request;
  if ((await loadBatch(dependencies, request, batch)) !== undefined) return;
  const planning = await openPlanning(dependencies, request);
  const destinations = await planDestinations(planning, serversOf(request, batch));
  const made: PlanBatch = { format: PLAN_BATCH_FORMAT, sync, first: batch.first, destinations };
  await createOnce(store, keys.planBatch(sync, batch.first), await sign(made, signer));
}

/** What all batches have left, in the order of the request. */
export async function joinBatches(dependencies: PlanDependencies, request: SyncRequest): Promise<PlannedDestination[]> {
  const key = keys.planBatches(request.sync);
  const stored = await dependencies.store.get(key);
  if (stored === undefined) throw new InvalidDocument(key, 'it is missing');
  const batches = parseDocument(key, z.array(batchSchema), stored.body);
  const joined = await lookAtAll(batches, async (batch) => {
    const found = await loadBatch(dependencies, request, batch);
    return found?.destinations ?? serversOf(request, batch).map(notPlanned);
  });
  return joined.flat();
}

async function loadBatch(
  { signer, store }: PlanDependencies,
  request: SyncRequest,
  batch: Batch,
): Promise<PlanBatch | undefined> {
  const key = keys.planBatch(request.sync, batch.first);
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  const signed = parseDocument(key, signedSchema(planBatchSchema), stored.body);
  if (!isSignedBy(signed, signer.publicKey)) throw new InvalidDocument(key, 'the control plane did not sign it');
  const { destinations, first, sync } = signed.payload;
  const servers = serversOf(request, batch);
  const isOfThese =
    servers.length === destinations.length && servers.every((id, at) => id === destinations[at]?.server);
  if (sync !== request.sync || first !== batch.first || !isOfThese) {
    throw new InvalidDocument(key, 'it is about other destinations');
  }
  return signed.payload;
}

function serversOf({ destinations }: SyncRequest, { count, first }: Batch): SyncRequest['destinations'] {
  return destinations.slice(first, first + count);
}

/** One server that nobody can plan must not hold up ten thousand others. */
function notPlanned(server: PlannedDestination['server']): PlannedDestination {
  const detail = 'planning it, or one of those planned with it, broke off: the log of the plan function says why';
  return { outcome: 'failed', server, detail };
}
