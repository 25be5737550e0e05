import type { Vote } from '#core/approval.ts';
import { type Plan, shortCode } from '#core/plan.ts';
import { removalShare, removalsOf, unacknowledgedIn } from '#core/removals.ts';
import type { VoteCast } from '#functions/approval/cast-vote.ts';
import { acknowledgement } from '#functions/describe-notices.ts';
import type { CommandContext } from './context.ts';
import type { Control } from './control.ts';
import type { Labels } from './show/labels.ts';
import { count, enumerate } from './show/text.ts';

export interface Decide {
  readonly plan: Plan;
  readonly decision: Vote['decision'];
  readonly via: 'terminal' | '--yes';
  readonly comment?: string | undefined;
  readonly acknowledgedRemovals?: number | undefined;
}

/** Records this person's word on the plan; DecisionRefused when it cannot be. */
export async function decide(control: Control, wish: Decide): Promise<VoteCast> {
  const { acknowledgedRemovals, comment, decision, plan, via } = wish;
  return await control.vote({
    ...{ sync: plan.sync, plan: plan.digest, decision, via },
    ...(comment !== undefined && { comment }),
    ...(acknowledgedRemovals !== undefined && { acknowledgedRemovals }),
  });
}

/** Aborts when the person stops, or when the plan is too old to be decided on. */
export function whileOpen({ now, signal }: CommandContext, plan: Plan): AbortSignal {
  const left = Math.max(0, Date.parse(plan.expiresAt) - now().getTime());
  return AbortSignal.any([signal, AbortSignal.timeout(Math.min(left, LONGEST_TIMER))]);
}

/** The second question. The number of removals once they are acknowledged; `undefined` where that is not needed. */
export async function askAboutRemovals(
  context: CommandContext,
  plan: Plan,
  labels: Labels,
): Promise<number | 'declined' | undefined> {
  const destinations = unacknowledgedIn(plan);
  if (destinations.length === 0) return undefined;
  const removed = removalsOf(plan);
  const where = enumerate(destinations.map(({ server }) => labels.of(server)));
  const answer = await context.terminal.confirm(
    `${count(removed, 'file')} will be removed, more than ${removalShare(plan)} of those at ${where}. Remove ${removed}?`,
    whileOpen(context, plan),
  );
  return answer === true ? removed : 'declined';
}

export function howToDecide(plan: Plan): string {
  const named = `${plan.sync} --plan ${shortCode(plan.digest)}`;
  return [`  lockstep approve ${named}${acknowledgement(plan)}`, `  lockstep reject ${named}`].join('\n');
}

/** The word that was given, and what it led to, in one sentence. */
export function describeVote({ vote, decision }: VoteCast, plan: Plan): string {
  const word = (decision ?? vote).decision === 'APPROVED' ? 'Approved' : 'Rejected';
  const missing = decision === undefined ? `; it needs ${plan.policy.approvals} approvals by different people` : '';
  return `${word} by ${(decision?.votes ?? [vote]).map(({ by }) => by).join(', ')}: plan ${shortCode(plan.digest)} of sync ${plan.sync}${missing}.`;
}

/** setTimeout takes 31 bits. */
const LONGEST_TIMER = 2 ** 31 - 1;
