import { MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import type { Fleet } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type AgentStatus, signedStatusSchema } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { readFleet } from '#functions/read-fleet.ts';
import { assertSignedByAgent } from '#functions/sync-documents.ts';
import { type CommandContext, isMissing, openExistingStore } from './context.ts';

/** What its agent said last; `undefined` before the first time, InvalidDocument when it did not sign that. */
export async function readStatus(
  store: ObjectStore,
  server: ServerId,
  signal?: AbortSignal,
): Promise<AgentStatus | undefined> {
  const key = keys.status(server);
  const stored = await store.get(key, signal && { signal });
  if (stored === undefined) return undefined;
  const document = parseDocument(key, signedStatusSchema, stored.body, MAX_SIGNED_BYTES);
  await assertSignedByAgent(store, server, { key, document });
  if (document.payload.server !== server) throw new InvalidDocument(key, `it is about ${document.payload.server}`);
  return document.payload;
}

/** As readFleet, where there may be no store at all yet. */
export async function findFleet(context: CommandContext): Promise<Fleet | undefined> {
  if (await isMissing(context.location)) return undefined;
  return await readFleet(await openExistingStore(context), context.signal);
}
