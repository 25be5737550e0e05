import { parseDocument } from '#core/documents.ts';
import { type Fleet, fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type AgentStatus, statusSchema } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { type CommandContext, isMissing, openExistingStore } from './context.ts';

/** The fleet file as `lockstep up` last pushed it. */
export async function readFleet(store: ObjectStore, signal?: AbortSignal): Promise<Fleet | undefined> {
  const stored = await store.get(keys.fleet(), signal && { signal });
  return stored && parseDocument(keys.fleet(), fleetSchema, stored.body);
}

/** When its agent last spoke; `undefined` before the first time. */
export async function readStatus(
  store: ObjectStore,
  server: ServerId,
  signal?: AbortSignal,
): Promise<AgentStatus | undefined> {
  const stored = await store.get(keys.status(server), signal && { signal });
  return stored && parseDocument(keys.status(server), statusSchema, stored.body);
}

/** As readFleet, where there may be no store at all yet. */
export async function findFleet(context: CommandContext): Promise<Fleet | undefined> {
  if (await isMissing(context.location)) return undefined;
  return await readFleet(await openExistingStore(context), context.signal);
}
