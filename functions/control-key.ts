import { encodeDocument, parseDocument } from '#core/documents.ts';
import { BadInput, StorePrecondition } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { CONTROL_KEY_FORMAT, controlKeySchema } from '#core/receipt.ts';

/** Publishes the key that agents pin when they are enrolled; BadInput where the store belongs to another key. */
export async function publishControlKey(store: ObjectStore, publicKey: string): Promise<void> {
  try {
    await store.create(keys.controlKey(), encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey }));
  } catch (error) {
    if (!(error instanceof StorePrecondition)) throw error;
    if ((await findControlKey(store)) === publicKey) return;
    throw new BadInput(
      `the store ${store.url} belongs to another control key: its agents would obey no order signed by this one. Use the state folder that this store was set up with, or another store`,
    );
  }
}

export async function findControlKey(store: ObjectStore): Promise<string | undefined> {
  const stored = await store.get(keys.controlKey());
  return stored === undefined ? undefined : parseDocument(keys.controlKey(), controlKeySchema, stored.body).publicKey;
}
