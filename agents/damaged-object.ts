import { OrderRefused } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

/**
 * An object that a snapshot leads to is not what its name says. The source looks no further than to its last snapshot:
 * once both are gone it finds out what the store lacks, and sends that.
 */
export function damagedObject(
  { url }: Pick<ObjectStore, 'url'>,
  { key, problem, snapshotKey }: { readonly key: string; readonly problem: string; readonly snapshotKey: string },
  options?: ErrorOptions,
): OrderRefused {
  const objects = key === snapshotKey ? key : `${key} and ${snapshotKey}`;
  return new OrderRefused(
    'UNREADABLE',
    `the store's object ${key} is damaged: ${problem}; remove ${objects} from ${url}, then start a new sync: the source uploads them again`,
    options,
  );
}
