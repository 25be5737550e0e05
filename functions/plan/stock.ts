import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { decodeManifest, type Manifest } from '#core/manifest.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { InventoryReceipt } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';

/** The manifest that a server's signed receipt names; InvalidDocument when the store holds other bytes. */
export async function loadManifest(store: ObjectStore, server: ServerId, receipt: InventoryReceipt): Promise<Manifest> {
  const { manifest: digest } = receipt.summary;
  const key = keys.manifest(server, digest);
  const { size } = (await store.head(key)) ?? { size: 0 };
  if (size > MOST_BYTES) throw new InvalidDocument(`manifest ${digest}`, `${size} bytes are too many`);
  const stored = await store.get(key);
  if (stored === undefined) throw new InvalidDocument(`manifest ${digest}`, `${server} did not store it`);
  return decodeManifest(stored.body, digest);
}

/** Compressed; some millions of files. */
const MOST_BYTES = 512 * 1024 * 1024;
