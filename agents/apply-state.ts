import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import * as z from 'zod';
import { syncFolder, writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { hookResultSchema, type Receipt, signedReceiptSchema } from '#core/receipt.ts';
import type { Signed } from '#core/signed.ts';
import { isThere } from './find-entry.ts';
import { type Journal, readJournal } from './journal.ts';
import type { WorkFolder } from './work-folder.ts';

/** How far an apply has come, by what is on disk: the rows of the table in docs/design.md. */
export type ApplyState =
  | { readonly state: 'staged' }
  | { readonly state: 'swapping'; readonly journal: Journal }
  | { readonly state: 'hooked'; readonly journal: Journal }
  | { readonly state: 'undoing'; readonly journal: Journal; readonly reason: UndoReason; readonly isHooked: boolean }
  | { readonly state: 'committed'; readonly journal: Journal; readonly receipt: Signed<Receipt> }
  | { readonly state: 'damaged'; readonly problem: InvalidDocument };

export function stateOf(work: WorkFolder): ApplyState {
  try {
    const journal = readJournal(work);
    if (journal === undefined) return { state: 'staged' };
    const isHooked = isThere(work.hooksBegun);
    // Before the receipt: an apply whose last read-back failed may have both.
    const reason = readUndoReason(work);
    if (reason !== undefined) return { state: 'undoing', journal, reason, isHooked };
    const receipt = readReceipt(work, journal);
    if (receipt !== undefined) return { state: 'committed', journal, receipt };
    return { state: isHooked ? 'hooked' : 'swapping', journal };
  } catch (problem) {
    if (problem instanceof InvalidDocument) return { state: 'damaged', problem };
    throw problem;
  }
}

/** From `swapping` to `hooked`; to be on disk before the first hook is started. */
export async function markHooksBegun(work: WorkFolder): Promise<void> {
  if (!isThere(work.hooksBegun)) await writeFileDurably(work.hooksBegun, new Uint8Array());
}

const undoReasonSchema = z.strictObject({ why: z.string(), hooks: z.array(hookResultSchema) });

/** Why an apply is taken back, with the hooks that were run until then. */
export type UndoReason = z.infer<typeof undoReasonSchema>;

/**
 * To `undoing`; the first reason stays. A full disk must not keep the old state away: then `onLost` is told, and only the
 * reason is lost if the agent is killed now. Throws when the apply may count as committed all the same.
 */
export async function markUndoing(
  work: WorkFolder,
  reason: UndoReason,
  onLost: (problem: unknown) => void,
): Promise<void> {
  try {
    if (!isThere(work.undoing)) await writeFileDurably(work.undoing, encodeDocument(reason));
    return;
  } catch (error) {
    onLost(error);
  }
  if (!isThere(work.receipt)) return;
  await rm(work.receipt, { force: true });
  await syncFolder(work.path);
}

/** To `committed`. */
export function commit(work: WorkFolder, receipt: Signed<Receipt>): Promise<void> {
  return writeFileDurably(work.receipt, encodeDocument(receipt));
}

/** What is decided by its being there is not undecided by its content. */
function readUndoReason(work: WorkFolder): UndoReason | undefined {
  try {
    return readDocument(work.undoing, undoReasonSchema);
  } catch (error) {
    if (error instanceof InvalidDocument) return { why: 'the apply failed, and its reason cannot be read', hooks: [] };
    throw error;
  }
}

function readReceipt(work: WorkFolder, { header }: Journal): Signed<Receipt> | undefined {
  const receipt = readDocument(work.receipt, signedReceiptSchema);
  if (receipt === undefined || receipt.payload.order === header.order.order) return receipt;
  throw new InvalidDocument(work.receipt, `it answers another order, ${receipt.payload.order}`);
}

function readDocument<T>(path: string, schema: z.ZodType<T>): T | undefined {
  try {
    return parseDocument(path, schema, readFileSync(path));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
