import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SyncId } from '#core/sync.ts';
import type { DestinationVerdict } from '#core/verdict.ts';
import { readSyncs } from '../observe/list-syncs.ts';
import type { ChainLink } from './read-chain.ts';

export interface LastVerification {
  readonly sync: SyncId;
  readonly finishedAt: string;
  readonly verdict: DestinationVerdict;
}

/** The newest that has ended, of those that these orders are of. */
export async function findLastVerification(
  store: ObjectStore,
  links: readonly ChainLink[],
  signal: AbortSignal,
): Promise<LastVerification | undefined> {
  for (const { order } of links.toReversed()) {
    if (order?.step !== 'inventory' || order.full !== true) continue;
    const [{ verdict } = { verdict: undefined }] = await readSyncs(store, [order.sync], signal);
    const found = verdict?.destinations.find(({ server }) => server === order.server);
    if (verdict !== undefined && found !== undefined)
      return { sync: order.sync, finishedAt: verdict.finishedAt, verdict: found };
  }
  return undefined;
}
