import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import type { Dependencies } from './dependencies.ts';
import { createOnce } from './sync-documents.ts';

/** From now on nothing more is ordered in this sync; what was ordered before comes to its own end. */
export async function cancelSync(
  { store, now }: Pick<Dependencies, 'store' | 'now'>,
  { sync, by }: { readonly sync: SyncId; readonly by: string },
): Promise<void> {
  await createOnce(store, keys.cancelled(sync), { by, at: now().toISOString() });
}
