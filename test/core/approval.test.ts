import { describe, expect, test } from 'vitest';
import { assertDecisionHolds, assertMayVote, type Decision, tally, type Vote, voteSchema } from '#core/approval.ts';
import { DecisionRefused } from '#core/errors.ts';
import type { PlannedDestination } from '#core/plan.ts';
import { createSyncId } from '#core/sync.ts';
import { digest, POLICY, plannedChanges, samplePlan } from './samples.ts';

const plan = samplePlan();
const strictPlan = samplePlan({ policy: { ...POLICY, approvals: 2 } });

function vote(change: Partial<Vote> = {}): Vote {
  return {
    format: 'lockstep-vote/1',
    sync: plan.sync,
    plan: plan.digest,
    decision: 'APPROVED',
    by: 'approver',
    via: 'terminal',
    at: '2026-01-02T12:00:00Z',
    ...change,
  };
}

describe('a vote', () => {
  test('may be cast on the plan that it names', () => {
    expect(() => assertMayVote(plan, vote())).not.toThrow();
  });

  test.each<[string, Partial<Vote>, RegExp]>([
    ['on another sync', { sync: createSyncId(new Date(0), '0a1b2') }, /a vote on sync/],
    ['on another plan', { plan: digest('another') }, /look at that plan/],
    ['without the short code', { withoutCode: true, groups: [] }, /short code of the plan is missing/],
    ['in the moment that the plan expires', { at: plan.expiresAt }, /expired/],
    ['of approval by the one who asked', { by: plan.requestedBy }, /cannot approve it/],
  ])('is refused %s', (_, change, message) => {
    expect(() => assertMayVote(plan, vote(change))).toThrow(DecisionRefused);
    expect(() => assertMayVote(plan, vote(change))).toThrow(message);
  });

  test('of rejection may come from the one who asked', () => {
    expect(() => assertMayVote(plan, vote({ by: plan.requestedBy, decision: 'REJECTED' }))).not.toThrow();
  });

  test('of approval may come from the one who asked where the policy says so', () => {
    const own = samplePlan({ policy: { ...POLICY, requesterMayApprove: true } });
    expect(() => assertMayVote(own, vote({ plan: own.digest, by: own.requestedBy }))).not.toThrow();
  });

  test('with an unknown field is none', () => {
    expect(voteSchema.safeParse(vote()).success).toBe(true);
    expect(voteSchema.safeParse({ ...vote(), weight: 2 }).success).toBe(false);
  });
});

describe('where the policy names who may, a vote', () => {
  const approvers = { people: ['manager'], groups: { 'shift-leads': ['bert'], operations: [] } };
  const named = samplePlan({ policy: { ...POLICY, approvers } });
  const cast = (change: Partial<Vote>) => assertMayVote(named, vote({ plan: named.digest, ...change }));

  test.each<[string, Partial<Vote>]>([
    ['of somebody who is named', { by: 'manager' }],
    ['of somebody who is named, whatever the identity provider says', { by: 'manager', groups: [] }],
    ['of a member by the list, where nobody was asked', { by: 'bert' }],
    ['of a member by what the identity provider says', { by: 'outsider', groups: ['operations'] }],
  ])('%s counts', (_, change) => {
    expect(() => cast(change)).not.toThrow();
    expect(() => cast({ ...change, decision: 'REJECTED' })).not.toThrow();
  });

  test.each<[string, Partial<Vote>]>([
    ['of somebody else', { by: 'outsider' }],
    ['of a member by the list whom the identity provider does not say to be one', { by: 'bert', groups: [] }],
    ['of a member of another group', { by: 'outsider', groups: ['visitors', 'constructor', '__proto__'] }],
    ['of somebody who is called like a group', { by: 'shift-leads' }],
  ])('%s does not', (_, change) => {
    for (const decision of ['APPROVED', 'REJECTED'] as const) {
      expect(() => cast({ ...change, decision })).toThrow(DecisionRefused);
      expect(() => cast({ ...change, decision })).toThrow(
        /it takes manager, a member of shift-leads or a member of operations/,
      );
    }
  });

  test('that does not count makes no decision that holds', () => {
    const decision = tally(named, [vote({ plan: named.digest, by: 'outsider' })]);
    expect(() => decision && assertDecisionHolds(named, decision)).toThrow(/outsider is none of those/);
  });

  test('binds the plan to who may approve it', () => {
    expect(named.digest).not.toBe(plan.digest);
  });
});

describe('where the policy takes a sign-in instead of the code, a vote', () => {
  const lenient = samplePlan({ policy: { ...POLICY, signInInsteadOfCode: true } });
  const cast = (change: Partial<Vote>) => assertMayVote(lenient, vote({ plan: lenient.digest, ...change }));

  test('may come without it from whom an identity provider knows, and from nobody else', () => {
    expect(() => cast({ withoutCode: true, groups: [] })).not.toThrow();
    expect(() => cast({ withoutCode: true })).toThrow(/short code of the plan is missing/);
  });
});

describe('where a large share is removed, a vote', () => {
  const removing = (id: string, remove: number, needs: boolean): PlannedDestination => ({
    ...plannedChanges(id, digest(id)),
    counts: { create: 0, update: 0, remove, keep: 1 },
    ...(needs && { needs: ['removals'] }),
  });
  const large = samplePlan({ destinations: [removing('north/a', 30, true), removing('north/b', 4, false)] });
  const cast = (change: Partial<Vote> = {}) => assertMayVote(large, vote({ plan: large.digest, ...change }));

  test('of approval is refused without the number of removals, and told how to give it', () => {
    expect(() => cast()).toThrow(DecisionRefused);
    expect(() => cast()).toThrow(/removes 34 files, more than 10 % of those at north\/a:.*--acknowledge-removals 34/);
    expect(() => cast({ acknowledgedRemovals: 33 })).toThrow(/33 removals are acknowledged.* has 34/);
    expect(() => cast({ acknowledgedRemovals: 34 })).not.toThrow();
  });

  test('of rejection needs no number', () => {
    expect(() => cast({ decision: 'REJECTED' })).not.toThrow();
  });

  test('that came without the number makes no decision that holds', () => {
    const decision = tally(large, [vote({ plan: large.digest })]);
    expect(() => decision && assertDecisionHolds(large, decision)).toThrow(/--acknowledge-removals/);
  });
});

test('a number of removals that nobody asked for has to be right, too', () => {
  expect(() => assertMayVote(plan, vote({ acknowledgedRemovals: 0 }))).not.toThrow();
  expect(() => assertMayVote(plan, vote({ acknowledgedRemovals: 1 }))).toThrow(/has 0/);
});

describe('votes', () => {
  test('decide nothing while there are none, or too few', () => {
    expect(tally(plan, [])).toBeUndefined();
    expect(tally(strictPlan, [vote()])).toBeUndefined();
  });

  test('approve when there are as many as the policy asks for', () => {
    expect(tally(plan, [vote()])).toMatchObject({ decision: 'APPROVED', plan: plan.digest });
    expect(tally(strictPlan, [vote(), vote({ by: 'second' })])).toMatchObject({ decision: 'APPROVED' });
  });

  test('reject when there is one rejection, whatever else there is', () => {
    const no = vote({ by: 'third', decision: 'REJECTED' });
    expect(tally(strictPlan, [vote(), vote({ by: 'second' }), no])).toMatchObject({
      decision: 'REJECTED',
      votes: [no],
    });
  });
});

describe('a decision', () => {
  const strictVote = (by: string) => vote({ plan: strictPlan.digest, by });
  const decision: Decision = {
    format: 'lockstep-decision/1',
    sync: strictPlan.sync,
    plan: strictPlan.digest,
    decision: 'APPROVED',
    votes: [strictVote('first'), strictVote('second')],
  };

  test('holds when its votes make it', () => {
    expect(() => assertDecisionHolds(strictPlan, decision)).not.toThrow();
    const no: Vote = { ...strictVote('first'), decision: 'REJECTED' };
    const rejected: Decision = { ...decision, decision: 'REJECTED', votes: [no] };
    expect(() => assertDecisionHolds(strictPlan, rejected)).not.toThrow();
  });

  test.each<[string, Partial<Decision>]>([
    ['with too few votes', { votes: [strictVote('first')] }],
    ['with one person’s vote twice', { votes: [strictVote('first'), strictVote('first')] }],
    ['with the vote of the one who asked', { votes: [strictVote('first'), strictVote(strictPlan.requestedBy)] }],
    ['with a vote on another plan', { votes: [strictVote('first'), vote({ by: 'second' })] }],
    [
      'with a vote that came too late',
      { votes: [strictVote('first'), { ...strictVote('second'), at: '2027-01-01T00:00:00Z' }] },
    ],
    [
      'with a rejection among its votes',
      { votes: [strictVote('first'), { ...strictVote('second'), decision: 'REJECTED' }] },
    ],
    ['to reject, made of approvals', { decision: 'REJECTED' }],
    ['on another plan', { plan: plan.digest }],
    ['on another sync', { sync: createSyncId(new Date(0), '0a1b2') }],
  ])('does not hold %s', (_, change) => {
    expect(() => assertDecisionHolds(strictPlan, { ...decision, ...change })).toThrow(DecisionRefused);
  });
});
