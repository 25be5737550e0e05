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
  /** Destinations of earlier waves that ended badly. */
  readonly bad: number;
}

export function writeFirstWave(store: ObjectStore, plan: Plan, waveSize: number): Promise<Wave> {
  return writeWave(store, { plan, waveSize, index: 0, bad: 0 });
}

interface WaveToWrite extends Pick<Wave, 'index' | 'bad'> {
  readonly plan: Plan;
  readonly waveSize: number;
}

export async function writeWave(store: ObjectStore, { plan, waveSize, index, bad }: WaveToWrite): Promise<Wave> {
  const servers = serversOfWave(plan, waveSize, index);
  const items = keys.waveItems(plan.sync, index);
  await store.put(items, encodeDocument(servers.map((server) => ({ server }))));
  return { index, items, more: servers.length > 0, bad };
}

export function serversOfWave(plan: Plan, waveSize: number, index: number): ServerId[] {
  const withChanges = plan.destinations.filter(({ outcome }) => outcome === 'changes').map(({ server }) => server);
  return withChanges.slice(index * waveSize, (index + 1) * waveSize);
}
