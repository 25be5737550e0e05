import { encodeDocument, parseDocument } from '#core/documents.ts';
import { SweepUnderWay } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { isLive, leaseSchema } from '#core/lease.ts';
import type { SyncId } from '#core/sync.ts';
import type { Dependencies } from './dependencies.ts';

/**
 * Throws SweepUnderWay, which the workflow repeats, while the store is swept: what a source finds in it now may be gone
 * when its snapshot counts on it. The request of the sync must be in the store when this looks: a sweep first takes its
 * lease and then looks for requests, so that one of the two sees the other.
 */
export async function assertNoSweep({ now, store }: Pick<Dependencies, 'store' | 'now'>, sync: SyncId): Promise<void> {
  const stored = await store.get(keys.sweepLease());
  if (stored === undefined) return;
  const lease = parseDocument(keys.sweepLease(), leaseSchema, stored.body);
  if (!isLive(lease, now())) return;
  await store.put(keys.sweepAwaited(), encodeDocument({ sync }));
  throw new SweepUnderWay(`${lease.by} is pruning the store; this goes on when that has given way`);
}
