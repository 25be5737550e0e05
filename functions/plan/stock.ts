import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { StoredManifest } from '#core/manifest-lines.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { InventoryReceipt } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';

/** The manifest that a server's signed receipt names, still to be read: only then is its digest looked at. */
export async function loadManifest(
  store: ObjectStore,
  server: ServerId,
  receipt: InventoryReceipt,
): Promise<StoredManifest> {
  const { manifest: digest } = receipt.summary;
  const [key, what] = [keys.manifest(server, digest), `manifest ${digest} of ${server}`];
  const { size } = (await store.head(key)) ?? { size: 0 };
  if (size > MOST_BYTES) throw new InvalidDocument(what, `${size} bytes are too many`);
  const stored = await store.get(key);
  if (stored === undefined) throw new InvalidDocument(what, 'it was not stored');
  return { what, digest, bytes: stored.body };
}

/** Compressed; some millions of files. */
const MOST_BYTES = 512 * 1024 * 1024;
