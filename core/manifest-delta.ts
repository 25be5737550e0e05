import { compressLines } from './documents.ts';
import { type Manifest, manifestLines } from './manifest.ts';
import { type DeltaHeader, deltaHeaderLine, goneLine } from './manifest-layers.ts';
import { commonLines, ManifestReader, openManifest, type StoredManifest } from './manifest-lines.ts';

/**
 * A manifest as what has to be done to another one: the lines that are new or other, and the paths that are gone, in
 * the order of paths. Neither is held beside it, and equal lines are not parsed. Throws InvalidDocument when `former` is
 * not what its digest says.
 */
export function encodeManifestDelta(former: StoredManifest, manifest: Manifest): Uint8Array {
  const { manifest: digest, profile } = manifest.summary;
  const header = { base: former.digest, depth: former.layers.length, profile };
  const next = new ManifestReader({ what: 'the new manifest', digest, blocks: blocksOf(manifest) });
  return compressLines(deltaLines(header, openManifest(former), next));
}

function* deltaLines(header: DeltaHeader, former: ManifestReader, next: ManifestReader): Generator<string> {
  yield deltaHeaderLine(header);
  while (!former.isAtEnd || !next.isAtEnd) {
    const common = commonLines(former, next);
    if (common > 0) {
      for (const side of [former, next]) side.skip(common);
      continue;
    }
    const [before, after] = [former.see(), next.see()];
    const isGone = before !== undefined && (after === undefined || before.path < after.path);
    const isNew = after !== undefined && (before === undefined || after.path < before.path);
    if (isGone) yield goneLine(before.path);
    else if (after !== undefined) yield next.line;
    if (before !== undefined && !isNew) former.pass(before);
    if (after !== undefined && !isGone) next.pass(after);
  }
  former.assertDigest();
}

/** As they would be compressed. */
function* blocksOf({ entries, summary }: Manifest): Generator<Buffer> {
  let block = '';
  for (const line of manifestLines(summary.profile, entries)) {
    block += `${line}\n`;
    if (block.length < BLOCK) continue;
    yield Buffer.from(block);
    block = '';
  }
  if (block !== '') yield Buffer.from(block);
}

const BLOCK = 1024 * 1024;
