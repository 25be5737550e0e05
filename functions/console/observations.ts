import type { ObjectStore } from '#core/ports/object-store.ts';
import { SyncObservations } from '../observe/sync-observations.ts';
import type { ConsoleParts } from './console-parts.ts';

const OBSERVATIONS = new WeakMap<ObjectStore, SyncObservations>();

/** The same for everything that this process shows of a store. */
export function observationsOf({
  controlKey,
  now,
  store,
}: Pick<ConsoleParts, 'controlKey' | 'now' | 'store'>): SyncObservations {
  const known = OBSERVATIONS.get(store);
  if (known !== undefined) return known;
  const options = { controlKey, now, pollMilliseconds: LOOK_MILLISECONDS, verdictSuffices: true };
  const made = new SyncObservations(store, options);
  OBSERVATIONS.set(store, made);
  return made;
}

const LOOK_MILLISECONDS = 1000;
