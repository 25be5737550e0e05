import type { Vote } from '#core/approval.ts';
import { type Plan, shortCode } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { castVote, type VoteCast } from '#functions/approval/cast-vote.ts';
import type { CommandContext } from './context.ts';

export interface Decide {
  readonly store: ObjectStore;
  readonly controlKey: string | undefined;
  readonly plan: Plan;
  readonly decision: Vote['decision'];
  readonly via: 'terminal' | '--yes';
  readonly comment?: string | undefined;
}

/** Records this person's word on the plan; DecisionRefused when it cannot be. */
export async function decide({ now, person }: CommandContext, wish: Decide): Promise<VoteCast> {
  const { comment, controlKey, decision, plan, store, via } = wish;
  return await castVote(
    { store, now, controlKey: controlKey ?? '' },
    { sync: plan.sync, plan: plan.digest, decision, by: person, via, ...(comment !== undefined && { comment }) },
  );
}

/** Aborts when the person stops, or when the plan is too old to be decided on. */
export function whileOpen({ now, signal }: CommandContext, plan: Plan): AbortSignal {
  const left = Math.max(0, Date.parse(plan.expiresAt) - now().getTime());
  return AbortSignal.any([signal, AbortSignal.timeout(Math.min(left, LONGEST_TIMER))]);
}

export function howToDecide(plan: Plan): string {
  const code = shortCode(plan.digest);
  return [`  lockstep approve ${plan.sync} --plan ${code}`, `  lockstep reject ${plan.sync} --plan ${code}`].join('\n');
}

/** The word that was given, and what it led to, in one sentence. */
export function describeVote({ vote, decision }: VoteCast, plan: Plan): string {
  const word = (decision ?? vote).decision === 'APPROVED' ? 'Approved' : 'Rejected';
  const missing = decision === undefined ? `; it needs ${plan.policy.approvals} approvals by different people` : '';
  return `${word} by ${(decision?.votes ?? [vote]).map(({ by }) => by).join(', ')}: plan ${shortCode(plan.digest)} of sync ${plan.sync}${missing}.`;
}

/** setTimeout takes 31 bits. */
const LONGEST_TIMER = 2 ** 31 - 1;
