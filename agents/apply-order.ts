import { hasCode } from '#adapters/file-errors.ts';
import { OrderRefused } from '#core/errors.ts';
import type { Manifest } from '#core/manifest.ts';
import type { ApplyOrder } from '#core/order.ts';
import type { ChangeCounts, PlanPart } from '#core/plan.ts';
import { RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import { type Signed, sign } from '#core/signed.ts';
import { type Activation, activate } from './activate.ts';
import { commit, stateOf } from './apply-state.ts';
import { assertAwaited } from './assert-awaited.ts';
import { keepStaged } from './carry-over.ts';
import { ApplyHooks } from './hooks.ts';
import { together } from './in-parallel.ts';
import { writeJournal } from './journal.ts';
import { fetched } from './metered-store.ts';
import type { Work } from './obey.ts';
import { OrderDocuments } from './order-documents.ts';
import { listPreImages } from './pre-images.ts';
import {
  assertAllowed,
  assertFresh,
  assertNothingProtected,
  assertRemovalsApproved,
  assertUntouched,
  noSpace,
  type Site,
  surveySite,
} from './preflight.ts';
import { refuseBegun, rollBack } from './roll-back.ts';
import { assertGuardsHold } from './site-guards.ts';
import { stage } from './stage.ts';
import { scanWithProgress } from './take-inventory.ts';
import {
  assertWorkFolder,
  dropWorkFolder,
  listWorkFolders,
  makeWorkFolder,
  type WorkFolder,
  workFolderOf,
} from './work-folder.ts';

/** Overwrites the root as approved, wholly or not at all. An error thrown from here means that the tree is untouched. */
export async function applyOrder(applying: Work<ApplyOrder>): Promise<Signed<Receipt>> {
  return swap(await prepare(applying));
}

/** All that can be done beside the tree: at the end everything is staged and the journal is written. */
async function prepare(applying: Work<ApplyOrder>): Promise<Swap> {
  const { context, order } = applying;
  const work = workFolderOf(context.root, order);
  const documents = new OrderDocuments(applying);
  // Before all that may fail: what a failure leaves behind here is removed.
  assertNoUnfinished(context.root);
  try {
    const [part, before] = await together(documents.part(), scanWithProgress(applying));
    assertAllowed(part, context);
    assertNothingProtected(part.operations, before);
    assertFresh(part, before, await documents.manifestIfStale(part, before));
    assertRemovalsApproved(order, part, before);
    assertGuardsHold(order, part, { before, context });
    const site = surveySite(context.root, part.operations);

    makeWorkFolder(context.root, work);
    await stage({
      ...applying,
      work,
      operations: part.operations,
      site,
      manifest: before,
      contents: documents.contents(part, work),
    });
    applying.signal.throwIfAborted();
    await assertAwaited(context, order, applying.signal);
    assertUntouched(context.root, part.operations, site);
    assertWorkFolder(context.root, work);
    const journal = await writeJournal(work, {
      header: {
        order,
        startedAt: applying.startedAt.toISOString(),
        mode: part.header.mode,
        ...('rollbackOf' in part.header && { rollbackOf: part.header.rollbackOf }),
        before: statesOf(before),
      },
      operations: part.operations,
      folders: site.folders,
      newFolders: site.newFolders,
    });
    return {
      ...applying,
      part,
      before,
      site,
      activation: { root: context.root, work, journal, ...formerFoldersOf(context.root, part) },
    };
  } catch (error) {
    await leaveStaged(applying, work, error);
    throw hasCode(error, 'ENOSPC', 'EDQUOT') ? noSpace(context.root, 'it ran full before the swap', error) : error;
  }
}

/** A folder that the sync had removed gets back its owner and permissions, where they were kept. */
function formerFoldersOf(root: string, { header }: PlanPart): Pick<Activation, 'formerFolders'> {
  if (header.mode !== 'rollback') return {};
  const { folders = [] } = listPreImages(root).find(({ sync }) => sync === header.rollbackOf) ?? {};
  return { formerFolders: new Map(folders.map((folder) => [folder.path, folder])) };
}

/** What ends an attempt from outside leaves its staging for the next one; what is wrong with the order does not. */
async function leaveStaged({ context, signal }: Work, work: WorkFolder, error: unknown): Promise<void> {
  // The same order is obeyed at the next start.
  if (signal.aborted) return;
  const isRefused = error instanceof OrderRefused && error.reason !== 'WITHDRAWN';
  const isFull = hasCode(error, 'ENOSPC', 'EDQUOT');
  await (isRefused || isFull ? dropWorkFolder : keepStaged)(context.root, work);
}

interface Swap extends Work<ApplyOrder> {
  readonly activation: Activation;
  readonly part: PlanPart;
  readonly before: Manifest;
  readonly site: Site;
}

/** From the journal on there is no stopping: it ends in the new state or in the old one. */
async function swap(swapping: Swap): Promise<Signed<Receipt>> {
  const { activation, context, meters, part, progress } = swapping;
  const hooks = new ApplyHooks(context, activation);
  try {
    progress.enter('applying', { files: part.operations.length, bytes: 0 });
    const refusal = await findRefusal(swapping, hooks);
    if (refusal !== undefined) return await refuseBegun(context, activation, { refusal, hooks, meters });
    for await (const filesDone of activate(activation)) progress.report({ filesDone });
    await hooks.after();
    await hooks.check();
    const after = await verify(swapping);
    const receipt = await sign(receiptOf(swapping, after, hooks), context.signer);
    await commit(activation.work, receipt);
    return receipt;
  } catch (error) {
    return rollBack(context, activation, { why: (error as Error).message, hooks, meters });
  }
}

/** The before hook's, or that of a tree which the program that it stopped has changed with its last words. */
async function findRefusal({ context, part, site }: Swap, hooks: ApplyHooks): Promise<OrderRefused | undefined> {
  try {
    if (await hooks.before()) assertUntouched(context.root, part.operations, site);
    return undefined;
  } catch (error) {
    if (error instanceof OrderRefused) return error;
    throw error;
  }
}

/** Reads back from the disk what was written; the rest must at least look as it did. */
async function verify({ before, context, part, progress }: Swap): Promise<Manifest> {
  const touched = new Set<string>(part.operations.map(({ path }) => path));
  const statIndex = context.statIndex.mistrusting((path) => touched.has(path));
  // The signal may have come meanwhile; what is swapped must be verified all the same.
  const { signal } = new AbortController();
  const after = await scanWithProgress({ context: { ...context, statIndex }, progress, signal });
  progress.enter('verifying');
  if (after.summary.state !== part.header.stateAfter)
    throw new Error('after the swap the files were not those of the plan: another program may have written into them');
  if (after.summary.protectedState !== before.summary.protectedState)
    throw new Error('licenses or identity changed during the swap');
  return after;
}

/** An undo that failed waits for the next start of the agent; a second apply on top would bury it. */
function assertNoUnfinished(root: string): void {
  const unfinished = listWorkFolders(root).find((work) => stateOf(work).state !== 'staged');
  if (unfinished === undefined) return;
  throw new OrderRefused(
    'GUARD',
    `an earlier apply is not undone, see ${unfinished.path}: restart the agent to try again`,
  );
}

function receiptOf(
  { before, context, meters, order, part, startedAt }: Swap,
  after: Manifest,
  hooks: ApplyHooks,
): Receipt {
  return {
    format: RECEIPT_FORMAT,
    order: order.order,
    sync: order.sync,
    server: order.server,
    step: 'apply',
    outcome: 'SUCCEEDED',
    startedAt: startedAt.toISOString(),
    finishedAt: context.now().toISOString(),
    plan: order.plan,
    part: order.part,
    before: statesOf(before),
    after: statesOf(after),
    changes: countChanges(part, before),
    ...hooks.results,
    ...fetched(meters),
  };
}

function statesOf({
  summary: { protectedState, state },
}: Manifest): Pick<Manifest['summary'], 'state' | 'protectedState'> {
  return { state, protectedState };
}

function countChanges({ operations }: PlanPart, before: Manifest): ChangeCounts {
  const count = (change: string) => operations.filter((operation) => operation.change === change).length;
  const [create, update, remove] = [count('create'), count('update'), count('remove')];
  return { create, update, remove, keep: before.summary.artifacts - update - remove };
}
