import * as z from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { type Sha256, sha256Schema } from './digest.ts';
import { compressLines, decompressLines, digestOfLines, parseLine } from './documents.ts';
import { InvalidDocument } from './errors.ts';

const SNAPSHOT_FORMAT = 'lockstep-snapshot/2';

const MAX_INDEXES = 16;

const snapshotSchema = z.strictObject({
  format: z.literal(SNAPSHOT_FORMAT),
  /** Newest first: what an earlier one says about a content counts, and one that needs only what is new reads no further. */
  indexes: z.array(sha256Schema).max(MAX_INDEXES),
  manifest: sha256Schema,
});

/** A manifest whose content is in the store, and the indexes that together say where. */
export type Snapshot = Pick<z.infer<typeof snapshotSchema>, 'manifest' | 'indexes'>;

export interface EncodedSnapshot {
  readonly digest: Sha256;
  readonly bytes: Uint8Array;
}

export function encodeSnapshot({ indexes, manifest }: Snapshot): EncodedSnapshot {
  const lines = [canonicalJson({ format: SNAPSHOT_FORMAT, indexes, manifest })];
  return { digest: digestOfLines(lines), bytes: compressLines(lines) };
}

export function decodeSnapshot(bytes: Uint8Array, expected: Sha256): Snapshot {
  const what = `snapshot ${expected}`;
  const [line, ...rest] = decompressLines(what, bytes).take(2);
  if (line === undefined || rest.length > 0) throw new InvalidDocument(what, 'it is not one line');
  if (digestOfLines([line]) !== expected) throw new InvalidDocument(what, 'its digest differs');
  const { indexes, manifest } = parseLine(what, snapshotSchema, line);
  return { indexes, manifest };
}
