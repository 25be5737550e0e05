/** One sync whose destinations, but one, have stored hostile manifests; prints what became of each, and the memory used. */
import { MemoryStore } from '#adapters/memory-store.ts';
import { sha256Schema } from '#core/digest.ts';
import { compressLines } from '#core/documents.ts';
import { deltaHeaderLine } from '#core/manifest-layers.ts';
import type { ObjectInfo } from '#core/ports/object-store.ts';
import { GIB, zstdBomb } from '#test/attacks/bombs.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';

const MIB = 1024 ** 2;
const HEADER = `{"format":"lockstep-manifest/1","profile":"${'0'.repeat(64)}"}\n`;

const HOSTILE: Readonly<Record<string, (digest: string) => Uint8Array>> = {
  'line-feeds': () => zstdBomb(100 * GIB, { before: HEADER }),
  'one-line': () => zstdBomb(100 * GIB, { before: HEADER, byte: 0x78 }),
  'many-frames': () => Buffer.concat([zstdBomb(0, { before: HEADER }), ...Array(60).fill(zstdBomb(60 * MIB))]),
  'long-line': () => Buffer.concat(Array(60).fill(zstdBomb(60 * MIB, { byte: 0x78 }))),
  'billion-entries': () => Buffer.from('so long that nobody ever fetches it'),
  'own-base': (digest) =>
    compressLines([
      deltaHeaderLine({ base: sha256Schema.parse(digest), depth: 1, profile: sha256Schema.parse(digest) }),
    ]),
  nested: () => compressLines([HEADER.trimEnd(), '['.repeat(32 * MIB)]),
};

/** What the agents write as their manifests, this store bends. */
class StoreOfManifests extends MemoryStore {
  override async put(...[key, body, options]: Parameters<MemoryStore['put']>): Promise<{ readonly etag: string }> {
    const [, name = '', digest = ''] = /^servers\/plant-a\/([^/]+)\/manifests\/(.+)$/.exec(key) ?? [];
    return super.put(key, HOSTILE[name]?.(digest) ?? body, options);
  }

  override async head(...call: Parameters<MemoryStore['head']>): Promise<ObjectInfo | undefined> {
    const info = await super.head(...call);
    const isEndless = call[0].startsWith('servers/plant-a/billion-entries/manifests/');
    return info && isEndless ? { ...info, size: 40 * GIB } : info;
  }
}

const fleet = new FakeFleet(new StoreOfManifests());
await fleet.add('plant-a/source', [file('a.cfg', 'new')]);
for (const name of ['healthy', ...Object.keys(HOSTILE)]) await fleet.add(`plant-a/${name}`, [file('a.cfg', 'old')]);
await fleet.start();
const sync = await fleet.request({
  timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
});
await fleet.vote(sync, 'APPROVED');
const { destinations } = await fleet.verdict(sync);
await fleet.end();
const verdicts = destinations.map(({ detail, server, verdict }) => ({ server, verdict, detail }));
process.stdout.write(JSON.stringify({ verdicts, peak: process.resourceUsage().maxRSS * 1024 }));
