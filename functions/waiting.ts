import { z } from 'zod';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { StoreConflict, StorePrecondition } from '#core/errors.ts';
import { keys, type TokenId } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

const tokenRecordSchema = z.strictObject({
  token: z.string().min(1).max(4096),
  /** When the newest sign of life was written that counted. */
  beat: z.iso.datetime().optional(),
});

/** Keeps the task token where agents cannot read it, until a signal comes for what it waits for. */
export async function parkToken(store: ObjectStore, waitsFor: TokenId, token: string): Promise<void> {
  await store.put(keys.token(waitsFor), encodeDocument({ token }));
}

export async function findToken(store: ObjectStore, waitsFor: TokenId): Promise<string | undefined> {
  const stored = await store.get(keys.token(waitsFor));
  return stored === undefined ? undefined : parseDocument(keys.token(waitsFor), tokenRecordSchema, stored.body).token;
}

/**
 * The token, if this sign of life is newer than all that counted before. One that somebody writes again and again is a
 * sign of life only once.
 */
export async function takeBeat(store: ObjectStore, waitsFor: TokenId, at: string): Promise<string | undefined> {
  const key = keys.token(waitsFor);
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  const { beat, token } = parseDocument(key, tokenRecordSchema, stored.body);
  if (beat !== undefined && Date.parse(at) <= Date.parse(beat)) return undefined;
  try {
    await store.replace(key, encodeDocument({ token, beat: at }), stored.etag);
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
