import { parseDocument } from '#core/documents.ts';
import { type Fleet, fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

/** The fleet file as `lockstep up` last pushed it. */
export async function readFleet(store: ObjectStore, signal?: AbortSignal): Promise<Fleet | undefined> {
  const stored = await store.get(keys.fleet(), signal && { signal });
  return stored && parseDocument(keys.fleet(), fleetSchema, stored.body);
}
