import type { Decision, Vote } from '#core/approval.ts';
import { parseDocument } from '#core/documents.ts';
import { BadInput } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { hasChanges, type Plan } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type SyncId, type SyncRequest, syncRequestSchema } from '#core/sync.ts';
import { type SyncVerdict, syncVerdictSchema } from '#core/verdict.ts';
import { findDecision, loadVotes } from '../approval/cast-vote.ts';
import { loadPlan } from '../sync-documents.ts';

/** Where the approval of a sync stands. */
export interface ApprovalView {
  readonly request: SyncRequest;
  /** `undefined` until it is made, and where nothing says who may have signed it. */
  readonly plan: Plan | undefined;
  /** Those that count, the earliest first. */
  readonly votes: readonly Vote[];
  readonly decision: Decision | undefined;
  readonly verdict: SyncVerdict | undefined;
  readonly state: ApprovalState;
}

export type ApprovalState =
  | 'waiting'
  | 'decided'
  /** Nobody decided in time. */
  | 'expired'
  /** Somebody has stopped the sync. */
  | 'stopped'
  /** It came to its end without a decision. */
  | 'ended'
  | 'not-planned'
  /** All are in sync, or nobody wants it written. */
  | 'nothing-to-decide';

export interface LookAtApproval {
  readonly store: ObjectStore;
  readonly controlKey: string | undefined;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** BadInput where there is no such sync. */
export async function lookAtApproval(look: LookAtApproval, sync: SyncId): Promise<ApprovalView> {
  const { controlKey, signal, store } = look;
  const stored = await store.get(keys.request(sync), { signal });
  if (stored === undefined) throw new BadInput(`there is no sync ${sync} in ${store.url}`);
  const request = parseDocument(keys.request(sync), syncRequestSchema, stored.body);
  const plan = controlKey === undefined ? undefined : await loadPlan(store, sync, controlKey);
  const votes = plan === undefined ? [] : await loadVotes({ store }, plan);
  // After the votes: a decision that they made is seen.
  const decision = await findDecision({ store }, sync);
  const ended = await store.get(keys.verdict(sync), { signal });
  const verdict = ended && parseDocument(keys.verdict(sync), syncVerdictSchema, ended.body);
  const found = { request, plan, votes, decision, verdict };
  return { ...found, state: await stateOf(look, found) };
}

async function stateOf(
  { now, signal, store }: LookAtApproval,
  { decision, plan, request, verdict }: Omit<ApprovalView, 'state'>,
): Promise<ApprovalState> {
  if (decision !== undefined) return 'decided';
  if (verdict !== undefined) return verdict.verdict === 'EXPIRED' ? 'expired' : 'ended';
  if (plan === undefined) return 'not-planned';
  if (!hasChanges(plan) || request.policy.dryRun) return 'nothing-to-decide';
  if ((await store.head(keys.cancelled(request.sync), { signal })) !== undefined) return 'stopped';
  return Date.parse(plan.expiresAt) <= now().getTime() ? 'expired' : 'waiting';
}
