import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import type { Operation, PartHeader } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { readContent } from '../read-content.ts';
import { SnapshotIndexes } from '../snapshot-indexes.ts';

/** What a file is on one side of a change. */
export type Side =
  | { readonly kind: 'text'; readonly text: string }
  /** There is, or will be, no such file. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly why: string };

export interface Sides {
  readonly before: Side;
  readonly after: Side;
}

/** The content of a file before and after, as far as it is small, is text, and is in the store. */
export async function readSides(store: ObjectStore, header: PartHeader, operation: Operation): Promise<Sides> {
  if (operation.change === 'create-folder' || operation.change === 'remove-folder') return FOLDER;
  const former = 'former' in operation ? operation.former : undefined;
  const brought = operation.change === 'remove' ? undefined : operation;
  if (header.mode === 'rollback')
    return { before: unlessAbsent(former, ROLLBACK), after: unlessAbsent(brought, ROLLBACK) };
  const indexes = new SnapshotIndexes(store, header.snapshot, MOST_INDEX_BYTES);
  const read = (content: Content | undefined, missing: string) => readSide({ store, indexes }, content, missing);
  return { after: await read(brought, SOURCE_GONE), before: await read(former, NEVER_SENT) };
}

interface Content {
  readonly sha256: Sha256;
  readonly size: number;
}

async function readSide(
  from: Parameters<typeof readContent>[0],
  content: Content | undefined,
  missing: string,
): Promise<Side> {
  if (content === undefined) return { kind: 'absent' };
  if (content.size > MOST_BYTES) return { kind: 'unknown', why: TOO_LARGE };
  if (content.size === 0) return { kind: 'text', text: '' };
  try {
    const bytes = await readContent(from, content.sha256, MOST_PACK_BYTES);
    return bytes === undefined ? { kind: 'unknown', why: missing } : toText(bytes);
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    return { kind: 'unknown', why: `${missing} (${error.message})` };
  }
}

function toText(bytes: Uint8Array): Side {
  try {
    const text = UTF8.decode(bytes);
    return text.includes('\0') ? { kind: 'unknown', why: NO_TEXT } : { kind: 'text', text };
  } catch {
    return { kind: 'unknown', why: NO_TEXT };
  }
}

function unlessAbsent(content: Content | undefined, why: string): Side {
  return content === undefined ? { kind: 'absent' } : { kind: 'unknown', why };
}

const ROLLBACK =
  'A rollback takes the old files from where they were kept, at the destination; the store does not have them.';
const SOURCE_GONE = 'The store does not have this content any more, or it cannot be read.';
const NEVER_SENT =
  'The store has only what a source has once sent. What this destination holds now was made there, came before the first sync, or has been pruned.';
const TOO_LARGE = 'It is larger than 64 KiB.';
const NO_TEXT = 'It is no text in UTF-8.';
const FOLDER: Sides = { before: { kind: 'absent' }, after: { kind: 'absent' } };
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const MOST_BYTES = 64 * 1024;
/** With the bases that a chunk may need. */
const MOST_PACK_BYTES = 4 * 1024 * 1024;
const MOST_INDEX_BYTES = 16 * 1024 * 1024;
