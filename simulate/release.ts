import { randomBytes } from 'node:crypto';
import { encodeIndex } from '#core/chunk-index.ts';
import { listChunks } from '#core/chunk-table.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';
import { type Artifact, createManifest, encodeManifest, type ManifestEntry } from '#core/manifest.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import { encodeSnapshot } from '#core/snapshot.ts';

/** What the source holds, and what every destination held before. */
export interface Release {
  readonly entries: readonly ManifestEntry[];
  readonly former: readonly ManifestEntry[];
  /** Contents of the files that are new or other; one chunk in one pack each. */
  readonly contents: ReadonlyMap<Sha256, Buffer>;
}

export const PROFILE = sha256('the profile of the simulation');

/** A tenth of the files are other ones, one at least. */
export function makeRelease(files: number): Release {
  const contents = new Map<Sha256, Buffer>();
  const former = Array.from({ length: files }, (_, number) => artifactOf(number, Buffer.from(`as it was ${number}`)));
  const entries = former.map((artifact, number) => {
    if (number % 10 !== 0) return artifact;
    const content = Buffer.from(`as it is ${number} ${randomBytes(200).toString('base64')}`);
    contents.set(sha256(content), content);
    return artifactOf(number, content);
  });
  return { entries, former, contents };
}

function artifactOf(number: number, content: Buffer): Artifact {
  return {
    kind: 'artifact',
    class: 'configuration',
    mode: 0o644,
    mtime: Date.parse(TIME),
    path: parseRelativePath(`Configuration/area-${number % 7}/setting-${number}.xml`),
    sha256: sha256(content),
    size: content.length,
  };
}

/** Manifest, pack, index and snapshot, as a source's agent leaves them; gives the snapshot. */
export async function storeRelease(store: ObjectStore, server: ServerId, release: Release): Promise<Sha256> {
  const manifest = createManifest(PROFILE, release.entries);
  const packed = Buffer.concat([...release.contents.values()]);
  const pack = sha256(packed);
  await store.create(keys.pack(pack), packed);
  const index = encodeIndex({ recipes: recipesOf(release, pack) });
  await store.create(keys.index(index.digest), index.bytes);
  const snapshot = encodeSnapshot({ manifest: manifest.summary.manifest, indexes: [index.digest] });
  await store.create(keys.manifest(server, manifest.summary.manifest), encodeManifest(manifest));
  await store.create(keys.snapshot(snapshot.digest), snapshot.bytes);
  return snapshot.digest;
}

function recipesOf({ contents }: Release, pack: Sha256) {
  let offset = 0;
  return [...contents].map(([digest, { length }]) => {
    const chunk = { pack, offset, length, size: length, sha256: digest, encoding: 'raw' } as const;
    offset += length;
    return { sha256: digest, size: length, chunks: listChunks([chunk]) };
  });
}

const TIME = '2026-01-02T03:04:05.000Z';
