import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { findDeltaHeader, MAX_DELTAS } from '#core/manifest-layers.ts';
import type { StoredManifest } from '#core/manifest-lines.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';

/** The manifest that a server has stored under this digest, still to be read: only then is the digest looked at. */
export async function loadManifest(store: ObjectStore, server: ServerId, digest: Sha256): Promise<StoredManifest> {
  const what = `manifest ${digest} of ${server}`;
  const layers: Uint8Array[] = [];
  let most = MOST_BYTES;
  let depth = MAX_DELTAS + 1;
  for (let next: Sha256 | undefined = digest; next !== undefined; ) {
    const key: string = keys.manifest(server, next);
    const { size } = (await store.head(key)) ?? { size: 0 };
    if (size > most) throw new InvalidDocument(what, `${size} bytes are too many`);
    most -= size;
    const stored = await store.get(key);
    if (stored === undefined) throw missing(what, { server, digest, key });
    layers.push(stored.body);
    const header = findDeltaHeader(what, stored.body);
    if (header !== undefined && header.depth >= depth) {
      throw new InvalidDocument(what, `the store's object ${key} is a delta of depth ${header.depth} below ${depth}`);
    }
    next = header?.base;
    depth = header?.depth ?? 0;
  }
  return { what, digest, layers };
}

interface Missing {
  readonly server: ServerId;
  readonly digest: Sha256;
  readonly key: string;
}

function missing(what: string, { digest, key, server }: Missing): InvalidDocument {
  const named = keys.manifest(server, digest);
  if (key === named) return new InvalidDocument(what, 'it was not stored');
  return new InvalidDocument(
    what,
    `it is a delta, and the store's object ${key} below it is missing: remove ${named}, and the agent stores a whole one at the next sync`,
  );
}

/** Compressed; some millions of files. */
const MOST_BYTES = 512 * 1024 * 1024;
