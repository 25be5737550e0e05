import { InvalidDocument } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import { decodePartHeader, type Plan, type PlannedDestination, plannedFor } from '#core/plan.ts';
import type { ApplyReceipt, FailureReceipt } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { type DestinationVerdict, findReceiptFlaw } from '#core/verdict.ts';
import type { Dependencies } from '../dependencies.ts';
import { wasOrderIssued } from '../issue-order.ts';
import { loadReceipt } from '../sync-documents.ts';

type JudgeDependencies = Pick<Dependencies, 'store'>;

type PlannedChanges = Extract<PlannedDestination, { readonly outcome: 'changes' }>;

export interface DestinationToJudge {
  readonly plan: Plan;
  readonly server: ServerId;
}

/** What is proved about one destination, by its own signed receipt. */
export async function judgeDestination(
  dependencies: JudgeDependencies,
  { plan, server }: DestinationToJudge,
): Promise<DestinationVerdict> {
  const planned = plannedFor(plan, server);
  if (planned === undefined) return notAttempted(server);
  switch (planned.outcome) {
    case 'in-sync':
      return {
        ...seen(planned),
        verdict: 'IN_SYNC',
        receipt: keys.receipt(server, orderId(plan.sync, 'inventory', server)),
      };
    case 'refused':
      return { ...notAttempted(server), verdict: 'REFUSED', reason: planned.reason, detail: planned.detail };
    case 'offline':
      return { ...notAttempted(server), verdict: 'OFFLINE', detail: planned.detail };
    case 'failed':
      return { ...notAttempted(server), verdict: 'FAILED', detail: planned.detail };
    case 'changes':
      return judgeChanges(dependencies, plan, planned);
  }
}

export function notAttempted(server: ServerId): DestinationVerdict {
  return {
    server,
    verdict: 'NOT_ATTEMPTED',
    changes: { create: 0, update: 0, remove: 0, keep: 0 },
    protected: 0,
    unrecognised: 0,
    bytesFetched: 0,
    receipt: null,
  };
}

async function judgeChanges(
  dependencies: JudgeDependencies,
  plan: Plan,
  planned: PlannedChanges,
): Promise<DestinationVerdict> {
  const { store } = dependencies;
  const { server } = planned;
  const order = orderId(plan.sync, 'apply', server);
  const known = { ...seen(planned), receipt: null };
  if (!(await wasOrderIssued(dependencies, { sync: plan.sync, step: 'apply', server })))
    return { ...known, verdict: 'NOT_ATTEMPTED' };
  try {
    const receipt = await loadReceipt(store, server, order);
    if (receipt === undefined) return { ...known, ...(await judgeSilence(dependencies, server, order)) };
    if (receipt.step !== 'apply') throw new InvalidDocument(keys.receipt(server, order), 'it answers something else');
    const answered = { ...known, ...fetchedBy(receipt), receipt: keys.receipt(server, order) };
    if (receipt.outcome !== 'SUCCEEDED') {
      return {
        ...answered,
        verdict: receipt.outcome,
        ...(receipt.reason && { reason: receipt.reason }),
        detail: receipt.detail,
      };
    }
    return { ...answered, ...(await judgeSuccess(dependencies, { plan, planned, receipt })) };
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    return { ...known, verdict: 'FAILED', reason: 'INVALID_RECEIPT', detail: error.message };
  }
}

/** An agent that never began is offline; one that began and fell silent has left the matter open. */
async function judgeSilence({ store }: JudgeDependencies, server: ServerId, order: ReturnType<typeof orderId>) {
  const began = (await store.head(keys.progress(server, order))) !== undefined;
  return began
    ? ({
        verdict: 'FAILED',
        reason: 'NO_ANSWER',
        detail: 'it began and has not answered since; its agent settles what is there when it starts again',
      } as const)
    : ({ verdict: 'OFFLINE', detail: 'it did not take its order in time: is its agent running?' } as const);
}

async function judgeSuccess(
  { store }: JudgeDependencies,
  { plan, planned, receipt }: { readonly plan: Plan; readonly planned: PlannedChanges; readonly receipt: ApplyReceipt },
) {
  const stored = await store.get(keys.part(plan.sync, planned.server, planned.part));
  if (stored === undefined) throw new InvalidDocument(`plan part ${planned.part}`, 'it is gone from the store');
  const flaw = findReceiptFlaw(receipt, plan, decodePartHeader(stored.body, planned.part));
  if (flaw !== undefined) throw new InvalidDocument('receipt', flaw);
  return { verdict: 'SUCCEEDED' } as const;
}

/** A server that failed has fetched, too. */
function fetchedBy({ bytesFetched = 0, secondsFetching }: ApplyReceipt | FailureReceipt) {
  return { bytesFetched, ...(secondsFetching !== undefined && { secondsFetching }) };
}

function seen(planned: Extract<PlannedDestination, { readonly outcome: 'changes' | 'in-sync' }>) {
  const { server, counts, unrecognised } = planned;
  const estimate = planned.outcome === 'changes' && planned.estimate !== undefined && { estimate: planned.estimate };
  return { server, changes: counts, protected: planned.protected, unrecognised, ...estimate, bytesFetched: 0 };
}
