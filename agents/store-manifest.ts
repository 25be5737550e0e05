import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { encodeManifest, type Manifest } from '#core/manifest.ts';
import { encodeManifestDelta } from '#core/manifest-delta.ts';
import { MAX_DELTAS } from '#core/manifest-layers.ts';
import { type Chain, ManifestMemory } from './manifest-memory.ts';
import type { Work } from './obey.ts';
import { createOnce } from './pack-writer.ts';

/**
 * Brings a manifest into the store, as a delta against the one stored last where that is much smaller, and says how many
 * bytes that took. One that is there is not sent again. What a delta is made of may have been removed since: then a whole
 * manifest takes its place.
 */
export async function storeManifest({ context, order, signal }: Work, manifest: Manifest): Promise<number> {
  const { store } = context;
  const { manifest: digest } = manifest.summary;
  const key = keys.manifest(order.server, digest);
  const memory = await ManifestMemory.open(context.stateFolder);
  const chain = (await memory.chain()) ?? [];
  const [last] = chain;
  const there = await findThere(new Set(chain.length === 0 ? [] : [digest, ...endsOf(chain)]));
  const isSound = endsOf(chain).every((one) => there.has(one));
  if (there.has(digest) && (digest !== last || isSound)) return 0;

  const delta = digest !== last && isSound ? await findDelta(memory, chain, manifest) : undefined;
  const bytes = delta ?? encodeManifest(manifest);
  const isReplaced = there.has(digest);
  if (isReplaced) await store.put(key, bytes, { signal });
  const uploaded = isReplaced ? bytes.length : await createOnce(store, key, bytes, signal);
  await memory.remember(delta === undefined ? [digest] : [digest, ...chain], bytes);
  return uploaded;

  async function findThere(digests: ReadonlySet<Sha256>): Promise<ReadonlySet<Sha256>> {
    const found = await Promise.all(
      [...digests].map(async (one) => {
        const info = await store.head(keys.manifest(order.server, one), { signal });
        return info === undefined ? [] : [one];
      }),
    );
    return new Set(found.flat());
  }
}

/** Whoever tidies up by age takes the whole one first, and whoever repairs, the newest. */
function endsOf(chain: Chain): readonly Sha256[] {
  return [...chain.slice(0, 1), ...chain.slice(1).slice(-1)];
}

/** `undefined` where a whole manifest is the better choice, or the only one. */
async function findDelta(memory: ManifestMemory, chain: Chain, manifest: Manifest): Promise<Uint8Array | undefined> {
  const former = chain.length > 0 && chain.length <= MAX_DELTAS ? await memory.load(chain) : undefined;
  const whole = former?.layers.at(-1);
  if (former === undefined || whole === undefined) return undefined;
  try {
    const delta = encodeManifestDelta(former, manifest);
    const bytes = former.layers.slice(0, -1).reduce((sum, layer) => sum + layer.length, delta.length);
    return bytes <= whole.length * LARGEST_SHARE ? delta : undefined;
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

/** Of a whole manifest, for all deltas on top of it: who reads the last one reads them all. */
const LARGEST_SHARE = 0.5;
