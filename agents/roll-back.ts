import { setTimeout as wait } from 'node:timers/promises';
import type { Sha256 } from '#core/digest.ts';
import type { OrderRefused } from '#core/errors.ts';
import { isArtifact, type Manifest } from '#core/manifest.ts';
import { type FailureReceipt, RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import { type Signed, sign } from '#core/signed.ts';
import { type Activation, replaces } from './activate.ts';
import { markUndoing } from './apply-state.ts';
import type { RecoveryContext } from './context.ts';
import type { ApplyHooks } from './hooks.ts';
import { fetched, type TransferMeters } from './metered-store.ts';
import { scan } from './scan.ts';
import { undo } from './undo.ts';

export interface Retreat {
  readonly why: string;
  readonly hooks: ApplyHooks;
  /** Absent behind a kill. */
  readonly meters?: TransferMeters | undefined;
}

/**
 * Restores the old state, proves it by hashing, starts again what the hooks have stopped, and says why in a receipt.
 * Never throws for what it meets in the tree.
 */
export async function rollBack(
  context: RecoveryContext,
  activation: Activation,
  retreat: Retreat,
): Promise<Signed<Receipt>> {
  const { hooks, why } = retreat;
  context.log('rolling-back', { order: activation.journal.header.order.order, problem: why });
  const restored = await undoPatiently(context, activation, retreat);
  if ('problem' in restored) {
    const detail = failureText(activation, retreat, restored.problem);
    return sign({ ...commonOf(context, activation, retreat), outcome: 'FAILED', detail }, context.signer);
  }
  // Only on files that are proved to be the old ones: no service on a mixed tree.
  const started = await hooks.startAgain();
  const detail = `${shorten(why)}; the old state is restored${restored.remark}${started}`;
  return sign({ ...commonOf(context, activation, retreat), outcome: 'ROLLED_BACK', detail }, context.signer);
}

/** Ends an apply that has a journal and has written nothing: only the hooks have something to put right. */
export async function refuseBegun(
  context: RecoveryContext,
  activation: Activation,
  { refusal, ...rest }: Omit<Retreat, 'why'> & { readonly refusal: OrderRefused },
): Promise<Signed<Receipt>> {
  const retreat = { ...rest, why: refusal.message };
  await noteWhy(context, activation, retreat);
  const started = await retreat.hooks.startAgain();
  const detail = `${shorten(refusal.message)}; nothing was written${started}`;
  const common = commonOf(context, activation, retreat);
  return sign({ ...common, outcome: 'REFUSED', reason: refusal.reason, detail }, context.signer);
}

function commonOf(
  { now }: RecoveryContext,
  { journal: { header } }: Activation,
  { hooks, meters }: Retreat,
): Omit<FailureReceipt, 'outcome' | 'detail'> {
  const { order } = header;
  return {
    format: RECEIPT_FORMAT,
    order: order.order,
    sync: order.sync,
    server: order.server,
    step: order.step,
    startedAt: header.startedAt,
    finishedAt: now().toISOString(),
    ...hooks.results,
    ...(meters === undefined ? {} : fetched(meters)),
  };
}

/** A disk that fails for once is no reason to leave the tree between, and to say so for good. */
async function undoPatiently(...undoing: Parameters<typeof tryUndo>): ReturnType<typeof tryUndo> {
  for (let attempt = 1; ; attempt++) {
    const restored = await tryUndo(...undoing);
    if (!('problem' in restored) || attempt === ATTEMPTS) return restored;
    await wait(PAUSE_MILLISECONDS);
  }
}

async function tryUndo(
  context: RecoveryContext,
  activation: Activation,
  retreat: Retreat,
): Promise<{ readonly problem: string } | { readonly remark: string }> {
  try {
    await noteWhy(context, activation, retreat);
    await undo(activation);
    const touched = new Set<string>(activation.journal.operations.map(({ path }) => path));
    const statIndex = context.statIndex.mistrusting((path) => touched.has(path));
    const manifest = await scan({ ...context, root: activation.root, statIndex });
    const lost = findLost(activation, manifest);
    if (lost !== undefined) return { problem: `${JSON.stringify(lost)} is not what it was` };
    const { protectedState, state } = activation.journal.header.before;
    const isSame = manifest.summary.state === state && manifest.summary.protectedState === protectedState;
    return { remark: isSame ? '' : '; other files have changed meanwhile, not by Lockstep' };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

async function noteWhy(
  { log }: RecoveryContext,
  { journal, work }: Activation,
  { hooks, why }: Retreat,
): Promise<void> {
  await markUndoing(work, { why: shorten(why), hooks: hooks.results.hooks ?? [] }, (problem) =>
    log('reason-not-noted', { order: journal.header.order.order, problem: (problem as Error).message }),
  );
}

/** A file that the apply was to replace or remove, and that is not back. */
function findLost({ journal }: Activation, manifest: Manifest): string | undefined {
  const digests = new Map<string, Sha256>(
    manifest.entries.filter(isArtifact).map(({ path, sha256 }) => [path, sha256]),
  );
  return journal.operations.filter(replaces).find(({ former, path }) => digests.get(path) !== former.sha256)?.path;
}

function failureText({ work }: Activation, { hooks, why }: Retreat, problem: string): string {
  const stopped = hooks.mustStartAgain ? ' The after hook is not run before that.' : '';
  return (
    `${shorten(why)}; then the old state could not be wholly restored: ${shorten(problem)}. Old files that are not back in their ` +
    `place lie in ${work.path}/old, numbered by the operation lines of ${work.journal}, from 0. Restart the agent to try again.${stopped}`
  );
}

function shorten(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

const ATTEMPTS = 3;
const PAUSE_MILLISECONDS = 200;
const MAX_TEXT = 1200;
