import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { DecisionRefused } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import { syncIdSchema } from '#core/sync.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { cancelSync } from '#functions/cancel-sync.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';

const OLD = [file('a.cfg', 'a'), file('b.cfg', 'b'), file('x.lic', 'mine', 'license')];
const NEW = [file('a.cfg', 'A'), file('b.cfg', 'b'), file('c.cfg', 'c'), file('y.lic', 'yours', 'license')];

const PATIENT = { inventorySeconds: 600, applySeconds: 600, approvalSeconds: 600 };

let fleet: FakeFleet;
let first: FakeAgent;
let second: FakeAgent;

beforeEach(async () => {
  fleet = new FakeFleet();
  await fleet.add('plant-a/tm1', NEW);
  first = await fleet.add('plant-a/tm2', OLD);
  second = await fleet.add('plant-b/tm1', OLD);
  await fleet.start();
});

afterEach(() => fleet.end());

function verdictsOf(verdict: {
  readonly destinations: readonly { readonly server: string; readonly verdict: string }[];
}) {
  return Object.fromEntries(verdict.destinations.map(({ server, verdict: one }) => [server, one]));
}

describe('a sync run by the embedded engine', () => {
  it('brings every destination to the source’s state, and a second one has nothing to do', async () => {
    const sync = await fleet.request();
    await fleet.vote(sync, 'APPROVED');
    const verdict = await fleet.verdict(sync);
    expect(verdict).toMatchObject({ verdict: 'SUCCEEDED', plan: await fleet.planned(sync), mode: 'overwrite' });
    expect(verdict.destinations.map(({ changes }) => changes)).toEqual([
      { create: 1, update: 1, remove: 0, keep: 1 },
      { create: 1, update: 1, remove: 0, keep: 1 },
    ]);
    const again = await fleet.request();
    expect(await fleet.verdict(again)).toMatchObject({ verdict: 'IN_SYNC' });
    expect(fleet.mails.map(({ subject }) => subject)).toEqual([
      expect.stringContaining(`approve sync ${sync}`),
      expect.stringContaining('SUCCEEDED'),
    ]);
  });

  it('writes nothing when the plan is rejected', async () => {
    const sync = await fleet.request();
    await fleet.vote(sync, 'REJECTED');
    expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'REJECTED', reason: 'ApprovalRejected' });
    expect([first, second].flatMap(({ obeyed }) => obeyed.map(({ step }) => step))).toEqual(['inventory', 'inventory']);
  });

  it('expires when nobody decides in time', async () => {
    const sync = await fleet.request({
      timeouts: { offlineSeconds: 1, inventorySeconds: 9, applySeconds: 9, approvalSeconds: 1 },
    });
    expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'EXPIRED' });
    await expect(fleet.vote(sync, 'APPROVED')).rejects.toThrow(DecisionRefused);
  });

  it('hears an answer although another controller has parked a token of its own meanwhile', async () => {
    first.misbehaviour = 'silent-at-apply';
    const sync = await fleet.request({ timeouts: { ...PATIENT, offlineSeconds: 600 } });
    await fleet.vote(sync, 'APPROVED');
    const key = keys.token(orderId(sync, 'apply', first.server));
    await fleet.until(async () => (await fleet.store.head(key)) !== undefined);
    await fleet.store.put(key, encodeDocument({ token: 'of another controller' }));
    first.misbehaviour = 'none';
    expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(await fleet.store.head(key)).toBeUndefined();
  });

  it('names an agent that never answers OFFLINE, serves the others, and fails', async () => {
    second.misbehaviour = 'silent';
    const sync = await fleet.request();
    await fleet.vote(sync, 'APPROVED');
    const verdict = await fleet.verdict(sync);
    expect(verdict.verdict).toBe('FAILED');
    expect(verdictsOf(verdict)).toEqual({ 'plant-a/tm2': 'SUCCEEDED', 'plant-b/tm1': 'OFFLINE' });
  });

  it('tells an agent that did not take its order from one that fell silent over it', async () => {
    first.misbehaviour = 'silent-at-apply';
    second.misbehaviour = 'never-ends';
    const sync = await fleet.request();
    await fleet.vote(sync, 'APPROVED');
    await fleet.until(
      async () =>
        (await fleet.store.head(keys.progress(second.server, orderId(sync, 'apply', second.server)))) !== undefined,
    );
    second.misbehaviour = 'silent';
    const verdict = await fleet.verdict(sync);
    expect(verdict.verdict).toBe('FAILED');
    expect(verdict.destinations).toMatchObject([{ verdict: 'OFFLINE' }, { verdict: 'FAILED', reason: 'NO_ANSWER' }]);
  });

  it('does not believe a receipt that its agent did not sign', async () => {
    const sync = await fleet.request();
    await fleet.planned(sync);
    second.misbehaviour = 'forges-signature';
    await fleet.vote(sync, 'APPROVED');
    const verdict = await fleet.verdict(sync);
    expect(verdictsOf(verdict)).toEqual({ 'plant-a/tm2': 'SUCCEEDED', 'plant-b/tm1': 'FAILED' });
    expect(verdict.destinations[1]).toMatchObject({
      reason: 'INVALID_RECEIPT',
      detail: expect.stringContaining('did not sign'),
    });
  });

  it('does not believe a receipt that says SUCCEEDED over another state', async () => {
    const sync = await fleet.request();
    await fleet.planned(sync);
    first.misbehaviour = 'lies-about-state';
    await fleet.vote(sync, 'APPROVED');
    const verdict = await fleet.verdict(sync);
    expect(verdict.verdict).toBe('FAILED');
    expect(verdict.destinations[0]).toMatchObject({ verdict: 'FAILED', reason: 'INVALID_RECEIPT' });
  });

  it('halts when the error budget is spent, and leaves later waves alone', async () => {
    first.misbehaviour = 'none';
    const sync = await fleet.request({ waveSize: 1 });
    await fleet.planned(sync);
    first.misbehaviour = 'refuses';
    await fleet.vote(sync, 'APPROVED');
    const verdict = await fleet.verdict(sync);
    expect(verdict.verdict).toBe('HALTED');
    expect(verdictsOf(verdict)).toEqual({ 'plant-a/tm2': 'REFUSED', 'plant-b/tm1': 'NOT_ATTEMPTED' });
    expect(second.obeyed.map(({ step }) => step)).toEqual(['inventory']);
  });

  it('goes on within its error budget', async () => {
    const sync = await fleet.request({ waveSize: 1, errorBudget: 1 });
    await fleet.planned(sync);
    first.misbehaviour = 'refuses';
    await fleet.vote(sync, 'APPROVED');
    expect(verdictsOf(await fleet.verdict(sync))).toEqual({ 'plant-a/tm2': 'REFUSED', 'plant-b/tm1': 'SUCCEEDED' });
  });

  it('fails in plain words when the source does not answer', async () => {
    const source = fleet.agents.get('plant-a/tm1');
    if (source !== undefined) source.misbehaviour = 'silent';
    const verdict = await fleet.verdict(await fleet.request());
    expect(verdict).toMatchObject({
      verdict: 'FAILED',
      reason: 'SourceUnavailable',
      plan: null,
      detail: expect.stringContaining('is its agent running?'),
    });
    expect(verdictsOf(verdict)).toEqual({ 'plant-a/tm2': 'NOT_ATTEMPTED', 'plant-b/tm1': 'NOT_ATTEMPTED' });
  });

  it('plans only, in a dry run', async () => {
    const policy = {
      mode: 'overwrite',
      allowShrink: false,
      dryRun: true,
      approvals: 1,
      requesterMayApprove: false,
    } as const;
    const verdict = await fleet.verdict(await fleet.request({ policy }));
    expect(verdict.verdict).toBe('PLANNED');
    expect(first.obeyed.map(({ step }) => step)).toEqual(['inventory']);
  });

  it('refuses a source that shrank by more than half, and takes it with the flag', async () => {
    await fleet.add('plant-c/tm1', [
      ...OLD,
      file('d', '1'),
      file('e', '2'),
      file('f', '3'),
      file('g', '4'),
      file('h', '5'),
    ]);
    const policy = {
      mode: 'overwrite',
      allowShrink: true,
      dryRun: false,
      approvals: 1,
      requesterMayApprove: false,
    } as const;
    const refused = await fleet.verdict(
      await fleet.request({ destinations: [...fleet.agents.values()].slice(3).map(({ server }) => server) }),
    );
    expect(refused.destinations[0]).toMatchObject({
      verdict: 'REFUSED',
      reason: 'GUARD',
      detail: expect.stringContaining('--allow-shrink'),
    });
    const sync = await fleet.request({ policy });
    await fleet.vote(sync, 'APPROVED');
    expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
  });
});

describe('a controller that stops', () => {
  it('asks nobody twice and goes on where it waited for approval', async () => {
    const sync = await fleet.request();
    await fleet.until(() => fleet.mails.length === 1);
    await fleet.stopController();
    await fleet.start();
    await fleet.vote(sync, 'APPROVED');
    expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
    expect(fleet.mails).toHaveLength(2);
  });

  it('finds the approval that was given while it was down', async () => {
    const sync = await fleet.request();
    await fleet.until(() => fleet.mails.length === 1);
    await fleet.stopController();
    await fleet.vote(sync, 'APPROVED');
    await fleet.start();
    expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
  });

  it('gives no second order to a destination that was at work meanwhile', async () => {
    const sync = await fleet.request();
    await fleet.planned(sync);
    second.misbehaviour = 'never-ends';
    await fleet.vote(sync, 'APPROVED');
    await fleet.until(
      async () => (await fleet.store.head(keys.orderRecord(sync, 'apply', second.server))) !== undefined,
    );
    await fleet.stopController();
    second.misbehaviour = 'none';
    await fleet.start();
    expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
    expect(second.obeyed.map(({ step, sequence }) => `${step} ${sequence}`)).toEqual(['inventory 1', 'apply 2']);
  });
});

describe('a controller with a record that it cannot run', () => {
  it('says so and lets go of it, instead of trying for ever', async () => {
    const sync = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
    await fleet.store.put(keys.request(sync), Buffer.from('not a request'));
    await fleet.store.put(keys.execution(sync), encodeDocument({ sync }));
    await fleet.until(async () => (await fleet.store.head(keys.execution(sync))) === undefined);
    expect(fleet.logged).toContainEqual(expect.stringMatching(/^execution-abandoned .*it is not JSON/));
    const next = await fleet.request();
    await fleet.vote(next, 'APPROVED');
    expect((await fleet.verdict(next)).verdict).toBe('SUCCEEDED');
  });

  it('ends a sync that is cancelled after somebody has changed its plan', async () => {
    const sync = await fleet.request();
    await fleet.planned(sync);
    await fleet.store.put(keys.plan(sync), Buffer.from('{}'));
    await cancelSync({ store: fleet.store, now: () => new Date() }, { sync, by: 'somebody' });
    expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'FAILED', plan: null });
  });
});

describe('two controllers on one store', () => {
  it('come to one verdict, and give every server one order per step', async () => {
    const rival = new FakeFleet(fleet.store, fleet.signer);
    await rival.start();
    const sync = await fleet.request();
    await fleet.vote(sync, 'APPROVED');
    expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
    await rival.end();
    for (const agent of [first, second]) expect(agent.obeyed.map(({ step }) => step)).toEqual(['inventory', 'apply']);
  });
});

describe('deciding', () => {
  it('takes one decision per plan, whoever comes second is told of the first', async () => {
    const sync = await fleet.request();
    await fleet.vote(sync, 'REJECTED', 'first person');
    await expect(fleet.vote(sync, 'APPROVED', 'second person')).rejects.toThrow(/rejected already, by first person/);
    await expect(fleet.vote(sync, 'REJECTED', 'first person')).rejects.toThrow(DecisionRefused);
  });

  it('lets one of many win who decide at once', async () => {
    const sync = await fleet.request();
    await fleet.planned(sync);
    const votes = Array.from({ length: 20 }, (_, index) =>
      fleet.vote(sync, index % 2 ? 'APPROVED' : 'REJECTED', `person ${index}`),
    );
    const decided = (await Promise.allSettled(votes)).flatMap((vote) =>
      vote.status === 'fulfilled' ? (vote.value.decision ?? []) : [],
    );
    expect(new Set(decided.map(({ votes: [vote] }) => vote?.by)).size).toBe(1);
    expect(['SUCCEEDED', 'REJECTED']).toContain((await fleet.verdict(sync)).verdict);
  });

  it('refuses another plan’s digest and the requester himself', async () => {
    const sync = await fleet.request();
    await fleet.planned(sync);
    await expect(fleet.vote(sync, 'APPROVED', 'requester')).rejects.toThrow(/cannot approve/);
    const other = { sync, plan: sha256('another plan'), decision: 'APPROVED', by: 'approver', via: 'test' } as const;
    const voting = { store: fleet.store, now: () => new Date(), controlKey: fleet.signer.publicKey };
    await expect(castVote(voting, other)).rejects.toThrow(/names plan/);
    await fleet.vote(sync, 'APPROVED');
    expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
  });

  it('waits for as many different people as the policy asks for', async () => {
    const policy = {
      mode: 'overwrite',
      allowShrink: false,
      dryRun: false,
      approvals: 2,
      requesterMayApprove: false,
    } as const;
    const sync = await fleet.request({ policy });
    expect((await fleet.vote(sync, 'APPROVED', 'one')).decision).toBeUndefined();
    await expect(fleet.vote(sync, 'APPROVED', 'one')).rejects.toThrow(/has voted/);
    expect((await fleet.vote(sync, 'APPROVED', 'two')).decision?.votes).toHaveLength(2);
    expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
  });

  it('is not fooled by a decision that nobody was allowed to make', async () => {
    const sync = await fleet.request();
    const plan = await fleet.planned(sync);
    const vote = {
      format: 'lockstep-vote/1',
      sync,
      plan,
      decision: 'APPROVED',
      by: 'requester',
      via: 'test',
      at: new Date().toISOString(),
    };
    await fleet.store.create(
      keys.decision(sync),
      encodeDocument({ format: 'lockstep-decision/1', sync, plan, decision: 'APPROVED', votes: [vote] }),
    );
    await fleet.until(() => fleet.logged.some((line) => line.startsWith('signal-refused')));
    expect(first.obeyed.map(({ step }) => step)).toEqual(['inventory']);
  });
});
