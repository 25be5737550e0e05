import * as z from 'zod';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { StoreConflict, StorePrecondition } from '#core/errors.ts';
import { keys, type TokenId } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

const tokenRecordSchema = z.strictObject({
  token: z.string().min(1).max(4096),
  /** When the newest sign of life was written that counted. */
  beat: z.iso.datetime().optional(),
  /** Seconds from one sign of life that counts to the next. */
  beatSeconds: z.number().nonnegative().optional(),
});

/** Keeps the task token where agents cannot read it, until a signal comes for what it waits for. */
export async function parkToken(store: ObjectStore, waitsFor: TokenId, token: string): Promise<void> {
  await store.put(keys.token(waitsFor), encodeDocument({ token }));
}

/** The same of a task that ends when it has heard nothing for `silenceSeconds`. */
export async function parkBeatingToken(
  store: ObjectStore,
  waitsFor: TokenId,
  { silenceSeconds, token }: { readonly token: string; readonly silenceSeconds: number },
): Promise<void> {
  const beatSeconds = silenceSeconds / BEATS_PER_SILENCE;
  await store.put(keys.token(waitsFor), encodeDocument({ token, beatSeconds }));
}

/** A thousand agents report progress more often than Step Functions takes heartbeats: docs/scale.md. */
const BEATS_PER_SILENCE = 4;

export async function findToken(store: ObjectStore, waitsFor: TokenId): Promise<string | undefined> {
  const stored = await store.get(keys.token(waitsFor));
  return stored === undefined ? undefined : parseDocument(keys.token(waitsFor), tokenRecordSchema, stored.body).token;
}

/**
 * The token, if this sign of life is newer than all that counted before, by as much as it takes to count. One that
 * somebody writes again and again is a sign of life only once.
 */
export async function takeBeat(store: ObjectStore, waitsFor: TokenId, at: string): Promise<string | undefined> {
  const key = keys.token(waitsFor);
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  const record = parseDocument(key, tokenRecordSchema, stored.body);
  const { beat, beatSeconds = 0, token } = record;
  const since = beat === undefined ? Number.POSITIVE_INFINITY : Date.parse(at) - Date.parse(beat);
  if (since <= 0 || since < beatSeconds * 1000) return undefined;
  try {
    await store.replace(key, encodeDocument({ ...record, beat: at }), stored.etag);
  } catch (error) {
    // Answered meanwhile, or another beat was first.
    if (error instanceof StorePrecondition || error instanceof StoreConflict) return undefined;
    throw error;
  }
  return token;
}

export async function dropToken(store: ObjectStore, waitsFor: TokenId): Promise<void> {
  await store.delete(keys.token(waitsFor));
}
