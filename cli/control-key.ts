import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { BadInput } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { CONTROL_KEY_FORMAT, controlKeySchema } from '#core/receipt.ts';
import { findControlKey } from '#functions/control-key.ts';

/**
 * The store's control key as this user first saw it: kept in `folder` at the first look, so that nobody who can
 * merely write to the store passes off a plan of his own later. `undefined` while the store has none.
 */
export async function pinControlKey(store: ObjectStore, folder: string): Promise<string | undefined> {
  const file = join(folder, 'known-control-key.json');
  const published = await findControlKey(store);
  const pinned = await readPin(file);
  if (published === undefined) return pinned;
  if (pinned === undefined) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFileDurably(file, encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey: published }));
  } else if (pinned !== published) {
    throw new BadInput(
      `the control key of ${store.url} is not the one first seen from here; if it was replaced on purpose, remove ${file}`,
    );
  }
  return published;
}

async function readPin(file: string): Promise<string | undefined> {
  try {
    return parseDocument(file, controlKeySchema, await readFile(file)).publicKey;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
