import { BadInput, DecisionRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import type { Dependencies } from './dependencies.ts';
import { createOnce } from './sync-documents.ts';

interface Cancel {
  readonly sync: SyncId;
  readonly by: string;
}

/** From now on nothing more is ordered in this sync; what was ordered before comes to its own end. */
export async function cancelSync(
  { store, now }: Pick<Dependencies, 'store' | 'now'>,
  { sync, by }: Cancel,
): Promise<void> {
  await createOnce(store, keys.cancelled(sync), { by, at: now().toISOString() });
}

/** A person's wish: BadInput where there is no such sync, DecisionRefused where it has ended. */
export async function requestCancel(dependencies: Pick<Dependencies, 'store' | 'now'>, wish: Cancel): Promise<void> {
  const { store } = dependencies;
  if ((await store.head(keys.request(wish.sync))) === undefined)
    throw new BadInput(`there is no sync ${wish.sync} in ${store.url}; see lockstep history`);
  if ((await store.head(keys.verdict(wish.sync))) !== undefined)
    throw new DecisionRefused(`sync ${wish.sync} has ended; nothing is left to stop`);
  await cancelSync(dependencies, wish);
}
