import { MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type AgentStatus, signedStatusSchema } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import type { Verifier } from '#core/signed.ts';
import { assertSignedWith, readAgentKey } from '../sync-documents.ts';

/** What its agent said last; `undefined` before the first time, InvalidDocument when it did not sign that. */
export async function readStatus(
  store: ObjectStore,
  server: ServerId,
  signal?: AbortSignal,
): Promise<AgentStatus | undefined> {
  const key = keys.status(server);
  const stored = await store.get(key, signal && { signal });
  if (stored === undefined) return undefined;
  return parseStatus(server, stored.body, await readAgentKey(store, server));
}

/** InvalidDocument where it is not signed with that key, or there is none. */
export function parseStatus(server: ServerId, body: Uint8Array, isSigned: Verifier | undefined): AgentStatus {
  const key = keys.status(server);
  const document = parseDocument(key, signedStatusSchema, body, MAX_SIGNED_BYTES);
  assertSignedWith(isSigned, server, { key, document });
  if (document.payload.server !== server) throw new InvalidDocument(key, `it is about ${document.payload.server}`);
  return document.payload;
}
