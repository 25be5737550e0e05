import { z } from 'zod';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { keys, type TokenId } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

const tokenRecordSchema = z.strictObject({ token: z.string().min(1).max(4096) });

/** Keeps the task token where agents cannot read it, until a signal comes for what it waits for. */
export async function parkToken(store: ObjectStore, waitsFor: TokenId, token: string): Promise<void> {
  await store.put(keys.token(waitsFor), encodeDocument({ token }));
}

export async function findToken(store: ObjectStore, waitsFor: TokenId): Promise<string | undefined> {
  const stored = await store.get(keys.token(waitsFor));
  return stored === undefined ? undefined : parseDocument(keys.token(waitsFor), tokenRecordSchema, stored.body).token;
}

export async function dropToken(store: ObjectStore, waitsFor: TokenId): Promise<void> {
  await store.delete(keys.token(waitsFor));
}
