import { rm } from 'node:fs/promises';
import type { Sha256 } from '#core/digest.ts';
import { isArtifact, type Manifest } from '#core/manifest.ts';
import { type FailureReceipt, RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import { type Signed, sign } from '#core/signed.ts';
import { type Activation, replaces } from './activate.ts';
import type { AgentContext } from './context.ts';
import { fetched, type TransferMeters } from './metered-store.ts';
import { scan } from './scan.ts';
import { undo } from './undo.ts';

/** Restores the old state, proves it by hashing, and says why in a receipt. Never throws for what it meets in the tree. */
export async function rollBack(
  context: AgentContext,
  activation: Activation,
  { meters, why }: { readonly why: string; readonly meters?: TransferMeters },
): Promise<Signed<Receipt>> {
  const { header } = activation.journal;
  context.log('rolling-back', { order: header.order.order, problem: why });
  const { order } = header;
  const common = {
    format: RECEIPT_FORMAT,
    order: order.order,
    sync: order.sync,
    server: order.server,
    step: order.step,
    startedAt: header.startedAt,
    ...(meters === undefined ? {} : fetched(meters)),
  } as const;
  const restored = await tryUndo(context, activation);
  const receipt: FailureReceipt = {
    ...common,
    finishedAt: context.now().toISOString(),
    ...('problem' in restored
      ? { outcome: 'FAILED', detail: failureText(activation, why, restored.problem) }
      : { outcome: 'ROLLED_BACK', detail: `${shorten(why)}; the old state is restored${restored.remark}` }),
  };
  return sign(receipt, context.signer);
}

async function tryUndo(
  context: AgentContext,
  activation: Activation,
): Promise<{ readonly problem: string } | { readonly remark: string }> {
  try {
    // No commit any more, even if the rest of this is cut short.
    await rm(activation.work.receipt, { force: true });
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

/** A file that the apply was to replace or remove, and that is not back. */
function findLost({ journal }: Activation, manifest: Manifest): string | undefined {
  const digests = new Map<string, Sha256>(
    manifest.entries.filter(isArtifact).map(({ path, sha256 }) => [path, sha256]),
  );
  return journal.operations.filter(replaces).find(({ former, path }) => digests.get(path) !== former.sha256)?.path;
}

function failureText({ work }: Activation, why: string, problem: string): string {
  return (
    `${shorten(why)}; then the old state could not be wholly restored: ${shorten(problem)}. Old files that are not back in their ` +
    `place lie in ${work.path}/old, numbered by the operation lines of ${work.journal}, from 0. Restart the agent to try again.`
  );
}

function shorten(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

const MAX_TEXT = 1200;
