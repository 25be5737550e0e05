import * as z from 'zod';
import { groupSchema, isApprover, MOST_GROUPS, nameApprovers, personSchema } from './approvers.ts';
import { sha256Schema } from './digest.ts';
import { DecisionRefused } from './errors.ts';
import { type Plan, shortCode } from './plan.ts';
import { removalShare, removalsOf, unacknowledgedIn } from './removals.ts';
import { syncIdSchema } from './sync.ts';

export const DECISION_FORMAT = 'lockstep-decision/1';
export const VOTE_FORMAT = 'lockstep-vote/1';

export const voteSchema = z.strictObject({
  format: z.literal(VOTE_FORMAT),
  sync: syncIdSchema,
  /** The digest of the plan that was looked at. */
  plan: sha256Schema,
  decision: z.enum(['APPROVED', 'REJECTED']),
  by: personSchema,
  /** How it was given: `terminal`, `--yes`, `console`. */
  via: z.string().min(1).max(40),
  at: z.iso.datetime(),
  comment: z.string().max(1000).optional(),
  /**
   * Of the groups that the plan's policy names, those that an identity provider says of this person; absent where none was
   * asked. As good as whoever wrote the vote, and so is the name: docs/design.md, Trust.
   */
  groups: z.array(groupSchema).max(MOST_GROUPS).optional(),
  /** The plan's short code was not typed. */
  withoutCode: z.literal(true).optional(),
  /** How many files the plan removes, of all destinations together; needed where core/removals.ts says so. */
  acknowledgedRemovals: z.int().nonnegative().optional(),
});

/** One person's word on a plan; created once per person. */
export type Vote = z.infer<typeof voteSchema>;

export const decisionSchema = z.strictObject({
  format: z.literal(DECISION_FORMAT),
  sync: syncIdSchema,
  plan: sha256Schema,
  decision: z.enum(['APPROVED', 'REJECTED']),
  votes: z.array(voteSchema).min(1).max(100),
});

/** The end of the matter, created once: the first rejection, or the approval that made the quorum. */
export type Decision = z.infer<typeof decisionSchema>;

/** Throws DecisionRefused when this vote may not be cast on this plan, or does not count where it lies. */
export function assertMayVote(plan: Plan, vote: Vote): void {
  if (vote.sync !== plan.sync)
    throw new DecisionRefused(`this is a vote on sync ${vote.sync}, and the plan is that of sync ${plan.sync}`);
  if (vote.plan !== plan.digest) {
    throw new DecisionRefused(
      `this names plan ${shortCode(vote.plan)}, but sync ${plan.sync} has plan ${shortCode(plan.digest)}: look at that plan, then decide on it`,
    );
  }
  if (Date.parse(vote.at) >= Date.parse(plan.expiresAt)) {
    throw new DecisionRefused(`the plan expired at ${plan.expiresAt}; start a new sync`);
  }
  if (!isApprover(plan.policy, vote)) {
    throw new DecisionRefused(
      `${vote.by} is none of those whose word counts on this plan: it takes ${nameApprovers(plan.policy)}`,
    );
  }
  if (vote.withoutCode && (plan.policy.signInInsteadOfCode !== true || vote.groups === undefined)) {
    throw new DecisionRefused('the short code of the plan is missing: type it as the page shows it');
  }
  if (vote.decision === 'APPROVED' && vote.by === plan.requestedBy && !plan.policy.requesterMayApprove) {
    throw new DecisionRefused(
      `${vote.by} asked for this sync and so cannot approve it; another person can, or the fleet file allows it with approval.requester-may-approve`,
    );
  }
  if (vote.decision === 'APPROVED') assertRemovalsAcknowledged(plan, vote);
}

function assertRemovalsAcknowledged(plan: Plan, { acknowledgedRemovals: acknowledged }: Vote): void {
  const removed = removalsOf(plan);
  if (acknowledged !== undefined && acknowledged !== removed)
    throw new DecisionRefused(
      `${acknowledged} removals are acknowledged, but plan ${shortCode(plan.digest)} has ${removed}: look at it again`,
    );
  const [first, ...others] = unacknowledgedIn(plan);
  if (first === undefined || acknowledged !== undefined) return;
  const where = others.length === 0 ? first.server : `${first.server} and ${others.length} more`;
  throw new DecisionRefused(
    `plan ${shortCode(plan.digest)} removes ${removed} files, more than ${removalShare(plan)} of those at ${where}: if that is right, approve it with their number, ${removed} (--acknowledge-removals ${removed})`,
  );
}

/** The decision that these votes make, if any: one rejection, or as many approvals as the policy asks for. */
export function tally(plan: Plan, votes: readonly Vote[]): Decision | undefined {
  const rejection = votes.find((vote) => vote.decision === 'REJECTED');
  const approvals = votes.filter((vote) => vote.decision === 'APPROVED');
  const common = { format: DECISION_FORMAT, sync: plan.sync, plan: plan.digest } as const;
  if (rejection !== undefined) return { ...common, decision: 'REJECTED', votes: [rejection] };
  if (approvals.length >= plan.policy.approvals) return { ...common, decision: 'APPROVED', votes: approvals };
  return undefined;
}

/** That a decision from the store is one that the plan's own rules allow; throws DecisionRefused. */
export function assertDecisionHolds(plan: Plan, decision: Decision): void {
  for (const vote of decision.votes) assertMayVote(plan, vote);
  const people = new Set(decision.votes.map((vote) => vote.by));
  const expected = tally(plan, decision.votes);
  if (
    decision.sync !== plan.sync ||
    decision.plan !== plan.digest ||
    people.size !== decision.votes.length ||
    expected?.decision !== decision.decision
  ) {
    throw new DecisionRefused(`the decision on sync ${plan.sync} does not fit its plan`);
  }
}
