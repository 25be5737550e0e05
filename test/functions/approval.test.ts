import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertDecisionHolds, VOTE_FORMAT } from '#core/approval.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { ApprovalExpired, DecisionRefused } from '#core/errors.ts';
import { approvalTokenId, keys } from '#core/keys.ts';
import { approval } from '#functions/approval/approval.ts';
import { castVote, findDecision } from '#functions/approval/cast-vote.ts';
import { cancelSync } from '#functions/cancel-sync.ts';
import { plan } from '#functions/plan/plan.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { StoreWithRival } from '#test/support/store-with-rival.ts';
import { type PlannedFleet, planFleet } from './planned-fleet.ts';

const TWO_APPROVALS = {
  mode: 'overwrite',
  allowShrink: false,
  dryRun: false,
  approvals: 2,
  requesterMayApprove: false,
} as const;

const TIME = '2026-01-02T03:04:05.000Z';

let store: StoreWithRival;
let planned: PlannedFleet;

beforeEach(async () => {
  store = new StoreWithRival();
  planned = await planFleet(1, { policy: TWO_APPROVALS }, store);
});

afterEach(() => planned.fleet.end());

function atYear(year: number) {
  return { ...planned.dependencies, now: () => new Date(`${year}-01-01T00:00:00Z`) };
}

async function approve(): Promise<void> {
  await planned.fleet.vote(planned.sync, 'APPROVED', 'one');
  await planned.fleet.vote(planned.sync, 'APPROVED', 'two');
}

describe('waiting for an approval', () => {
  it('is over at once when the plan has expired', async () => {
    const { sync, tokens } = planned;
    await expect(approval(atYear(2999), { sync, token: 't' })).rejects.toThrow(ApprovalExpired);
    expect(tokens.told).toEqual([]);
  });

  it('finds what was decided in time, also when it is run again after the plan has expired', async () => {
    const { sync, tokens } = planned;
    await approve();
    expect(await plan(atYear(2999), { step: 'plan', sync })).toMatchObject({ next: 'approve', approvalSeconds: 60 });
    await approval(atYear(2999), { sync, token: 't' });
    expect(tokens.told).toEqual(['succeed t {"decision":"APPROVED"}']);
  });

  it('ends when the sync was cancelled before', async () => {
    const { sync, tokens, dependencies } = planned;
    await cancelSync(dependencies, { sync, by: 'somebody' });
    await approval(dependencies, { sync, token: 't' });
    expect(tokens.told).toEqual(['fail t Interrupted: the sync was cancelled']);
  });

  it('hears of the decision also when a signal to an earlier wait has dropped its token', async () => {
    const { dependencies, sync, tokens } = planned;
    await approve();
    await store.delete(keys.token(approvalTokenId(sync)));
    const put = store.put.bind(store);
    store.put = async (key, body) => (key.startsWith('tokens/') ? { etag: '' } : await put(key, body));
    await approval(dependencies, { sync, token: 'last' });
    expect(tokens.told).toEqual(['succeed last {"decision":"APPROVED"}']);
  });

  it('tells the approvers once, however often it is run', async () => {
    const { sync, mails, dependencies } = planned;
    await approval(dependencies, { sync, token: 't' });
    await approval(dependencies, { sync, token: 'u' });
    expect(mails).toHaveLength(1);
  });
});

describe('asking', () => {
  it('is refused for what nobody could ever approve, but for a look', async () => {
    const approvers = { people: ['requester', 'one'], groups: {} };
    const policy = { ...TWO_APPROVALS, approvers };
    await expect(planned.fleet.request({ policy })).rejects.toThrow(/nobody could approve this: 2 different people/);
    await expect(planned.fleet.request({ policy: { ...policy, dryRun: true } })).resolves.toBeDefined();
    await expect(planned.fleet.request({ policy, requestedBy: 'somebody' })).resolves.toBeDefined();
  });
});

describe('voting', () => {
  it('writes down of a person’s groups only those that the policy names', async () => {
    await planned.fleet.end();
    const approvers = { people: [], groups: { leads: ['list'] } };
    planned = await planFleet(1, { policy: { ...TWO_APPROVALS, approvers } });
    const { dependencies, fleet, sync } = planned;
    const { publicKey: controlKey } = dependencies.signer;
    const word = { sync, plan: await fleet.planned(sync), decision: 'APPROVED', via: 'console' } as const;
    const groups = ['works-council', 'leads'];
    const { vote } = await castVote({ ...dependencies, controlKey }, { ...word, by: 'provider', groups });
    expect(vote.groups).toEqual(['leads']);
    const outside = { ...word, by: 'list', groups: ['works-council'] };
    await expect(castVote({ ...dependencies, controlKey }, outside)).rejects.toThrow(/list is none of those/);
    const { decision } = await fleet.vote(sync, 'APPROVED', 'list');
    expect(decision?.votes.map(({ by }) => by).sort()).toEqual(['list', 'provider']);
  });

  it('is not kept from anybody by an object that is no vote, nor decided by votes that may not count', async () => {
    const { fleet, store: seen, sync } = { ...planned, store };
    await seen.put(keys.vote(sync, sha256('intruder')), Buffer.from('{"format":'));
    const plan = await fleet.planned(sync);
    const forged = { format: VOTE_FORMAT, sync, plan, decision: 'APPROVED', by: 'requester', via: 'x', at: TIME };
    await seen.put(keys.vote(sync, sha256('requester')), encodeDocument(forged));
    await seen.put(keys.vote(sync, sha256('another')), encodeDocument({ ...forged, by: 'one' }));
    expect((await fleet.vote(sync, 'APPROVED', 'one')).decision).toBeUndefined();
    expect((await fleet.vote(sync, 'APPROVED', 'two')).decision?.votes.map(({ by }) => by).sort()).toEqual([
      'one',
      'two',
    ]);
  });

  it('does not let a person change his word, nor say twice that he did not', async () => {
    const { fleet, sync } = planned;
    await fleet.vote(sync, 'APPROVED', 'one');
    await expect(fleet.vote(sync, 'REJECTED', 'one')).rejects.toThrow(/one has voted on sync .* before/);
    expect(await findDecision(fleet, sync)).toBeUndefined();
  });

  it('tells a voter the decision that counts, when a rejection came between his count and his decision', async () => {
    const { fleet, sync } = planned;
    await fleet.vote(sync, 'APPROVED', 'one');
    store.rival = () => fleet.vote(sync, 'REJECTED', 'three');
    const { decision } = await fleet.vote(sync, 'APPROVED', 'two');
    expect(decision).toMatchObject({ decision: 'REJECTED', votes: [{ by: 'three' }] });
  });

  it('makes one decision that holds when a quorum and a rejection meet', async () => {
    const { fleet, sync, dependencies } = planned;
    const votes = (['one', 'two', 'three', 'four'] as const).map((by, index) =>
      fleet.vote(sync, index === 1 ? 'REJECTED' : 'APPROVED', by),
    );
    const outcomes = await Promise.allSettled(votes);
    const decision = await findDecision(fleet, sync);
    if (decision === undefined) throw new Error('expected a decision');
    assertDecisionHolds(await requirePlan(fleet.store, sync, dependencies.signer.publicKey), decision);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DecisionRefused);
      else expect([undefined, decision]).toContainEqual(outcome.value.decision);
    }
  });
});
