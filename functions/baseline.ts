import { type Baseline, baselineSchema, nextBaseline } from '#core/baseline.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import { type Plan, plannedFor } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import type { DestinationVerdict } from '#core/verdict.ts';
import { loadReceipt } from './sync-documents.ts';

/** What syncs have left at this server; `undefined` where that is not known, and then nothing is said about it. */
export async function findBaseline(store: ObjectStore, server: ServerId): Promise<Baseline | undefined> {
  const key = keys.baseline(server);
  const stored = await store.get(key);
  try {
    const baseline = stored && parseDocument(key, baselineSchema, stored.body);
    return baseline?.server === server ? baseline : undefined;
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

/** Takes account of how a sync ended for this destination. Where nobody knows what it left, nothing is known any more. */
export async function updateBaseline(store: ObjectStore, plan: Plan, verdict: DestinationVerdict): Promise<void> {
  const { server } = verdict;
  const planned = plannedFor(plan, server);
  if (planned?.outcome !== 'changes' && planned?.outcome !== 'in-sync') return;
  switch (verdict.verdict) {
    case 'IN_SYNC':
    case 'SUCCEEDED':
      return advance(store, plan, planned);
    case 'FAILED':
    case 'OFFLINE':
      return store.delete(keys.baseline(server));
    case 'DRIFTED':
    case 'NOT_ATTEMPTED':
    case 'REFUSED':
    case 'ROLLED_BACK':
    case 'VERIFIED':
      return;
  }
}

type Settled = Extract<Plan['destinations'][number], { readonly outcome: 'changes' | 'in-sync' }>;

async function advance(store: ObjectStore, { policy, source, sync }: Plan, planned: Settled): Promise<void> {
  const { server } = planned;
  const receipt = await findReceipt(store, sync, planned);
  if (receipt?.outcome !== 'SUCCEEDED' && receipt?.outcome !== 'DONE') return store.delete(keys.baseline(server));
  const former = await findBaseline(store, server);
  const next = nextBaseline(former, {
    server,
    source: source.server,
    at: receipt.finishedAt,
    planned: planned.baseline,
    part: planned.outcome === 'changes' ? { sync, part: planned.part } : undefined,
    state: receipt.outcome === 'SUCCEEDED' ? receipt.after.state : receipt.summary.state,
    isPartial: policy.only !== undefined || policy.mode === 'rollback',
  });
  if (next === undefined) await store.delete(keys.baseline(server));
  else if (next !== former) await store.put(keys.baseline(server), encodeDocument(next));
}

/** `undefined` for one that does not hold any more: no verdict waits for that. */
async function findReceipt(store: ObjectStore, sync: Plan['sync'], { outcome, server }: Settled) {
  try {
    return await loadReceipt(store, server, orderId(sync, outcome === 'changes' ? 'apply' : 'inventory', server));
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}
