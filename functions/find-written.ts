import { parseDocument } from '#core/documents.ts';
import { BadInput } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import { type SyncId, type SyncRequest, syncRequestSchema } from '#core/sync.ts';
import { syncVerdictSchema } from '#core/verdict.ts';

/** What a sync has written, all of which can be rolled back as far as its verdict goes. */
export interface WrittenSync {
  readonly request: SyncRequest;
  readonly destinations: readonly ServerId[];
}

/** BadInput when there is no such sync, or when it has not ended, or has written nothing. */
export async function findWritten(store: ObjectStore, sync: SyncId): Promise<WrittenSync> {
  const stored = await store.get(keys.request(sync));
  if (stored === undefined) throw new BadInput(`there is no sync ${sync} in ${store.url}; see lockstep history`);
  const request = parseDocument(keys.request(sync), syncRequestSchema, stored.body);
  const ended = await store.get(keys.verdict(sync));
  if (ended === undefined) {
    throw new BadInput(`sync ${sync} has not ended yet: lockstep watch ${sync} shows when it has; roll it back then`);
  }
  const verdict = parseDocument(keys.verdict(sync), syncVerdictSchema, ended.body);
  const destinations = verdict.destinations.filter((one) => one.verdict === 'SUCCEEDED').map(({ server }) => server);
  if (destinations.length > 0) return { request, destinations };
  throw new BadInput(`sync ${sync} ended ${verdict.verdict} and has written nothing that could be rolled back`);
}

/** BadInput names the first of these servers that the sync has not written. */
export function assertWrittenAt({ destinations, request }: WrittenSync, servers: readonly ServerId[]): void {
  const other = servers.find((server) => !destinations.includes(server));
  if (other === undefined) return;
  const what = request.destinations.includes(other) ? 'has changed nothing at' : 'was not for';
  throw new BadInput(`sync ${request.sync} ${what} ${other}: it can be rolled back at ${destinations.join(', ')}`);
}
