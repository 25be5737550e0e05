import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { Plan } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';

/** Destinations that are written at the same time. */
export interface Wave {
  readonly index: number;
  /** Key of a JSON array of `{ server }`. */
  readonly items: string;
  /** Whether there is anything in it. */
  readonly more: boolean;
}

export function writeFirstWave(store: ObjectStore, plan: Plan, waveSize: number): Promise<Wave> {
  return writeWave(store, { plan, waveSize, index: 0 });
}

export async function writeWave(
  store: ObjectStore,
  { plan, waveSize, index }: { readonly plan: Plan; readonly waveSize: number; readonly index: number },
): Promise<Wave> {
  const servers = serversWithChanges(plan).slice(index * waveSize, (index + 1) * waveSize);
  const items = keys.waveItems(plan.sync, index);
  await store.put(items, encodeDocument(servers.map((server) => ({ server }))));
  return { index, items, more: servers.length > 0 };
}

/** Those that the waves up to and including this one have tried. */
export function attemptedServers(plan: Plan, waveSize: number, index: number): ServerId[] {
  return serversWithChanges(plan).slice(0, (index + 1) * waveSize);
}

function serversWithChanges(plan: Plan): ServerId[] {
  return plan.destinations.filter(({ outcome }) => outcome === 'changes').map(({ server }) => server);
}
