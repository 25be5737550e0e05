import * as z from 'zod';
import { assertDecisionHolds, type Decision } from '#core/approval.ts';
import { parseValue } from '#core/documents.ts';
import { ApprovalRejected, Interrupted, InvalidDocument } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import type { ApplyOrder } from '#core/order.ts';
import { type Plan, plannedFor } from '#core/plan.ts';
import { serverIdSchema } from '#core/server.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import { findDecision } from '../approval/cast-vote.ts';
import type { Dependencies } from '../dependencies.ts';
import { issueOrder } from '../issue-order.ts';
import { signal } from '../signal/signal.ts';
import { loadReceipt, loadRequest, requirePlan } from '../sync-documents.ts';
import { parkBeatingToken } from '../waiting.ts';

const eventSchema = z.strictObject({ sync: syncIdSchema, server: serverIdSchema, token: z.string() });

/** Orders one destination to apply its part of the approved plan; the token waits for its receipt. */
export async function apply(
  dependencies: Pick<Dependencies, 'store' | 'signer' | 'tokens' | 'now' | 'log'>,
  event: unknown,
): Promise<void> {
  const { sync, server, token } = parseValue('apply event', eventSchema, event);
  const { store, signer } = dependencies;
  await assertGoingOn(store, sync);
  const plan = await requirePlan(store, sync, signer.publicKey);
  const decision = await requireApproval(store, plan);
  const planned = plannedFor(plan, server);
  if (planned?.outcome !== 'changes')
    throw new InvalidDocument(`plan of sync ${sync}`, `nothing is planned for ${server}`);
  const { timeouts } = await loadRequest(store, sync);
  const order = orderId(sync, 'apply', server);
  await parkBeatingToken(store, order, { token, silenceSeconds: timeouts.offlineSeconds });
  const { maxRemovalPercent } = plan.policy;
  const isAcknowledged = decision.votes.every(({ acknowledgedRemovals }) => acknowledgedRemovals !== undefined);
  const draft = {
    step: 'apply',
    sync,
    server,
    plan: plan.digest,
    part: planned.part,
    ...allowancesOf(plan.policy),
    ...(await sourceVersionOf(store, plan)),
    ...(maxRemovalPercent !== undefined && { maxRemovalPercent }),
    ...(isAcknowledged && { acknowledgedRemovals: planned.counts.remove }),
  } as const;
  await issueOrder(dependencies, draft, timeouts.offlineSeconds);
  // An earlier attempt may have been answered already: no event comes for that any more.
  await signal(dependencies, keys.receipt(server, order));
}

/** What the agent looks at once more, by its own tree. */
function allowancesOf({ allowDowngrade, allowShrink, allowVanished }: Plan['policy']): Partial<ApplyOrder> {
  return {
    ...(allowShrink && { allowShrink }),
    ...(allowVanished !== undefined && { allowVanished }),
    ...(allowDowngrade === true && { allowDowngrade }),
  };
}

async function sourceVersionOf(store: Dependencies['store'], plan: Plan): Promise<Pick<ApplyOrder, 'sourceVersion'>> {
  if (plan.policy.mode === 'rollback') return {};
  const { server } = plan.source;
  const receipt = await loadReceipt(store, server, orderId(plan.sync, 'inventory', server));
  const version = receipt?.outcome === 'DONE' ? receipt.facts.productVersion : undefined;
  return version === undefined ? {} : { sourceVersion: version };
}

/** The decision itself is looked at again: no state of the workflow stands in for it. */
async function requireApproval(store: Dependencies['store'], plan: Plan): Promise<Decision> {
  const decision = await findDecision({ store }, plan.sync);
  if (decision?.decision !== 'APPROVED') throw new ApprovalRejected(`the plan of sync ${plan.sync} is not approved`);
  assertDecisionHolds(plan, decision);
  return decision;
}

/** Nothing is ordered any more once a sync is halted, cancelled or ended, whatever starts this step again. */
async function assertGoingOn(store: Dependencies['store'], sync: SyncId): Promise<void> {
  for (const key of [keys.halted(sync), keys.cancelled(sync), keys.verdict(sync)]) {
    if ((await store.head(key)) !== undefined) throw new Interrupted(`sync ${sync} goes no further: ${key} says so`);
  }
}
