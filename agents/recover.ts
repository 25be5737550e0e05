import { BadInput } from '#core/errors.ts';
import type { Order } from '#core/order.ts';
import type { Receipt } from '#core/receipt.ts';
import type { Signed } from '#core/signed.ts';
import type { Activation } from './activate.ts';
import { type ApplyState, stateOf } from './apply-state.ts';
import { dropOldStaged, keepStaged } from './carry-over.ts';
import type { AgentContext, RecoveryContext } from './context.ts';
import { ApplyHooks, type FormerHooks } from './hooks.ts';
import { awaitLeftHook, findLeftHook, type LeftHook } from './left-hook.ts';
import { rollBack } from './roll-back.ts';
import { settleCommitted } from './settle-committed.ts';
import { dropWorkFolder, listWorkFolders, type WorkFolder, workFolderOf } from './work-folder.ts';

/** An apply that was cut off, and what has become of the tree. */
export interface RecoveredApply {
  /** Absent where nothing can be read. */
  readonly order?: string;
  readonly tree: 'old' | 'new' | 'unsettled';
  readonly detail: string;
}

/**
 * Ends what a killed agent left in the middle of an apply, before anything else is done and without the store: a
 * committed one stays, any other is undone. Either way its answer is kept for sending. To be killed here, too, does no
 * harm.
 */
export async function recoverApplies(context: RecoveryContext): Promise<RecoveredApply[]> {
  const recovered: RecoveredApply[] = [];
  for (const work of listWorkFolders(context.root)) {
    const apply = await recoverApply(context, work);
    if (apply === undefined) continue;
    context.log('apply-recovered', { ...apply });
    recovered.push(apply);
  }
  return recovered;
}

/** The rows of the table in docs/design.md. */
async function recoverApply(context: RecoveryContext, work: WorkFolder): Promise<RecoveredApply | undefined> {
  const { root } = context;
  const apply = stateOf(work);
  switch (apply.state) {
    case 'staged':
      return undefined;
    case 'swapping':
      return takeBack(context, { root, work, ...apply }, { why: STOPPED, hasBegun: false, results: [] });
    case 'hooked':
      return takeBack(context, { root, work, ...apply }, { why: STOPPED, hasBegun: true, results: [] });
    case 'undoing': {
      const { hooks, why } = apply.reason;
      return takeBack(context, { root, work, ...apply }, { why, hasBegun: apply.isHooked, results: hooks });
    }
    case 'committed':
      return answer(context, { root, work, ...apply }, apply.receipt);
    case 'damaged':
      return damaged(work, apply);
  }
}

async function takeBack(
  context: RecoveryContext,
  activation: Activation,
  { why, ...former }: FormerHooks & { readonly why: string },
): Promise<RecoveredApply> {
  const answered = await context.state.keptAnswer();
  const isOver = answered?.receipt.payload.order === activation.journal.header.order.order;
  // Killed behind its end: what was told is told, and no hook is run once more.
  if (isOver && answered.receipt.payload.outcome !== 'FAILED') return answer(context, activation, answered.receipt);
  const left = findLeftHook(activation.work);
  if (left !== undefined) await endLeftHook(context, left);
  const hooks = new ApplyHooks(context, activation, former);
  return answer(context, activation, await rollBack(context, activation, { why, hooks }));
}

async function endLeftHook({ hookEnvironment = {}, log }: RecoveryContext, left: LeftHook): Promise<void> {
  log('hook-found-running', { processId: left.processId, until: new Date(left.until).toISOString() });
  log('hook-awaited', { processId: left.processId, it: await awaitLeftHook(left, hookEnvironment) });
}

async function answer(
  context: RecoveryContext,
  { journal, work }: Activation,
  receipt: Signed<Receipt>,
): Promise<RecoveredApply> {
  const { order, sequence } = journal.header.order;
  await context.state.keepAnswer({ sequence, receipt });
  const { payload } = receipt;
  if (payload.outcome !== 'FAILED') await settle(context, work);
  const detail = 'detail' in payload ? payload.detail : 'it was committed';
  return { order, tree: TREES[payload.outcome], detail };
}

/** That a root can be served: BadInput when an apply on it needs a person first. */
export function assertReadable(recovered: readonly RecoveredApply[]): void {
  const bad = recovered.find(({ order, tree }) => tree === 'unsettled' && order === undefined);
  if (bad !== undefined) throw new BadInput(bad.detail);
}

/** Staging of orders that are no longer to be obeyed, and what no later one has asked for. */
export async function removeLeftovers({ now, root }: Pick<AgentContext, 'now' | 'root'>): Promise<void> {
  await dropLeftovers(root);
  await dropOldStaged(root, now());
}

/** What an answered order has left; most leave nothing. */
export async function removeWork(context: RecoveryContext, order: Order, receipt: Receipt): Promise<void> {
  if (order.step !== 'apply') return;
  const isLate = receipt.outcome === 'REFUSED' && (receipt.reason === 'WITHDRAWN' || receipt.reason === 'EXPIRED');
  const work = workFolderOf(context.root, order);
  await (isLate ? keepStaged(context.root, work) : settle(context, work));
  await dropLeftovers(context.root);
}

/** Ends an apply whose answer is safe in the state folder. */
async function settle(context: RecoveryContext, work: WorkFolder): Promise<void> {
  const apply = stateOf(work);
  if (apply.state === 'committed') await settleCommitted(context, work, apply.journal);
  else await dropWorkFolder(context.root, work);
}

/** Also what Windows did not let go of at the time. */
async function dropLeftovers(root: string): Promise<void> {
  for (const work of listWorkFolders(root)) if (stateOf(work).state === 'staged') await keepStaged(root, work);
}

export function damaged(
  { path }: WorkFolder,
  { problem }: Extract<ApplyState, { readonly state: 'damaged' }>,
): RecoveredApply {
  const hint = `an apply was interrupted and its journal is damaged; old files lie in ${path}/old: put them back by hand, then remove ${path}`;
  return { tree: 'unsettled', detail: `${problem.message}: ${hint}` };
}

export const STOPPED = 'the agent was stopped while it applied';

const TREES = {
  DONE: 'old',
  SUCCEEDED: 'new',
  REFUSED: 'old',
  ROLLED_BACK: 'old',
  FAILED: 'unsettled',
} as const satisfies Record<Receipt['outcome'], RecoveredApply['tree']>;
