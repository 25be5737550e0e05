import { readFileSync } from 'node:fs';
import { hasCode } from '#adapters/file-errors.ts';
import { parseDocument } from '#core/documents.ts';
import { BadInput, InvalidDocument } from '#core/errors.ts';
import type { Order } from '#core/order.ts';
import { type Receipt, signedReceiptSchema } from '#core/receipt.ts';
import type { Signed } from '#core/signed.ts';
import { dropOldStaged, keepStaged } from './carry-over.ts';
import type { AgentContext } from './context.ts';
import { type Journal, readJournal } from './journal.ts';
import { rollBack } from './roll-back.ts';
import { dropWorkFolder, listWorkFolders, type WorkFolder, workFolderOf } from './work-folder.ts';

/**
 * Ends what a killed agent left in the middle of a swap, before anything else is done: a committed apply stays, any
 * other is undone. Either way its answer is kept for sending. To be killed here, too, does no harm.
 */
export async function recoverApplies(context: AgentContext): Promise<void> {
  for (const work of listWorkFolders(context.root)) {
    const journal = readJournalOrStop(work);
    if (journal === undefined) continue;
    const receipt = committedReceipt(work) ?? (await undoKilled(context, work, journal));
    context.log('apply-recovered', { order: journal.header.order.order, outcome: receipt.payload.outcome });
    await context.state.keepAnswer({ sequence: journal.header.order.sequence, receipt });
    if (receipt.payload.outcome !== 'FAILED') await dropWorkFolder(context.root, work);
  }
}

/** Staging of orders that are no longer to be obeyed, and what no later one has asked for. */
export async function removeLeftovers({ now, root }: Pick<AgentContext, 'now' | 'root'>): Promise<void> {
  await dropLeftovers(root);
  await dropOldStaged(root, now());
}

/** What an answered order has left; most leave nothing. */
export async function removeWork(root: string, order: Order, receipt: Receipt): Promise<void> {
  if (order.step !== 'apply') return;
  const isLate = receipt.outcome === 'REFUSED' && (receipt.reason === 'WITHDRAWN' || receipt.reason === 'EXPIRED');
  await (isLate ? keepStaged : dropWorkFolder)(root, workFolderOf(root, order));
  await dropLeftovers(root);
}

/** Also what Windows did not let go of at the time. */
async function dropLeftovers(root: string): Promise<void> {
  for (const work of listWorkFolders(root)) if (readJournalOrStop(work) === undefined) await keepStaged(root, work);
}

function undoKilled(context: AgentContext, work: WorkFolder, journal: Journal): Promise<Signed<Receipt>> {
  return rollBack(context, { root: context.root, work, journal }, { why: 'the agent was stopped while it applied' });
}

function committedReceipt(work: WorkFolder): Signed<Receipt> | undefined {
  try {
    return parseDocument(work.receipt, signedReceiptSchema, readFileSync(work.receipt));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function readJournalOrStop(work: WorkFolder): Journal | undefined {
  try {
    return readJournal(work);
  } catch (cause) {
    if (!(cause instanceof InvalidDocument)) throw cause;
    const hint = `an apply was interrupted and its journal is damaged; old files lie in ${work.path}/old: put them back by hand, then remove ${work.path}`;
    throw new BadInput(`${cause.message}: ${hint}`, { cause });
  }
}
