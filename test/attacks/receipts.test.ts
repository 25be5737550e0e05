import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DECISION_FORMAT, type Decision, VOTE_FORMAT, type Vote } from '#core/approval.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { keys, type OrderId, orderId } from '#core/keys.ts';
import type { Plan } from '#core/plan.ts';
import type { Signer } from '#core/ports/signer.ts';
import { type ApplyReceipt, PROGRESS_FORMAT, signedReceiptSchema } from '#core/receipt.ts';
import { serverIdSchema } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { apply } from '#functions/apply/apply.ts';
import { findDecision } from '#functions/approval/cast-vote.ts';
import { report } from '#functions/report/report.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { signal } from '#functions/signal/signal.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { type PlannedFleet, planFleet } from '#test/functions/planned-fleet.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { createKeySigner } from '#test/support/key-signer.ts';

let planned: PlannedFleet;
let victim: FakeAgent;
let other: FakeAgent;
let order: OrderId;

beforeEach(async () => {
  planned = await planFleet(2);
  const [first, second] = planned.destinations;
  if (first === undefined || second === undefined) throw new Error('expected two agents');
  [victim, other] = [first, second];
  order = orderId(planned.sync, 'apply', victim.server);
});

afterEach(() => planned.fleet.end());

function plan(): Promise<Plan> {
  return requirePlan(planned.fleet.store, planned.sync, planned.dependencies.signer.publicKey);
}

async function verdict(): Promise<SyncVerdict> {
  await report(planned.dependencies, { step: 'report', sync: planned.sync, ending: 'applied' });
  return (await findVerdict(planned.fleet.store, planned.sync)) ?? expect.unreachable();
}

async function write(key: string, document: unknown): Promise<void> {
  await planned.fleet.store.put(key, encodeDocument(document));
}

/** Orders both; the victim's agent is dead, the other one does what it was told. Gives the other's receipt. */
async function applyWithDeadVictim(): Promise<ApplyReceipt> {
  const { dependencies, fleet, sync } = planned;
  victim.misbehaviour = 'silent';
  await fleet.vote(sync, 'APPROVED');
  for (const { server } of [victim, other]) await apply(dependencies, { sync, server, token: server });
  const key = keys.receipt(other.server, orderId(sync, 'apply', other.server));
  await fleet.until(async () => (await fleet.store.head(key)) !== undefined);
  return readReceipt(key);
}

async function readReceipt(key: string): Promise<ApplyReceipt> {
  const stored = await planned.fleet.store.get(key);
  return parseDocument(key, signedReceiptSchema, stored?.body ?? new Uint8Array()).payload as ApplyReceipt;
}

describe('a forged receipt is no proof, and the sync has not succeeded, when', () => {
  /** The victim's part has the same operations as the other's, so all that is wrong is what is said here. */
  async function expectNoProof(forge: (good: ApplyReceipt) => unknown, problem: RegExp): Promise<void> {
    const theirs = await applyWithDeadVictim();
    const { destinations } = await plan();
    const own = destinations.find(({ server }) => server === victim.server);
    const part = own?.outcome === 'changes' ? own.part : theirs.part;
    const forged = await forge({ ...theirs, order, server: victim.server, part });
    const bytes = forged instanceof Uint8Array ? forged : encodeDocument(forged);
    await planned.fleet.store.put(keys.receipt(victim.server, order), bytes);
    await signal(planned.dependencies, keys.receipt(victim.server, order));
    const { destinations: verdicts, verdict: all } = await verdict();
    expect(all).toBe('FAILED');
    expect(verdicts).toMatchObject([
      { verdict: 'FAILED', reason: 'INVALID_RECEIPT', detail: expect.stringMatching(problem) },
      { verdict: 'SUCCEEDED' },
    ]);
  }

  it('but for what is forged, it would be proof', async () => {
    const theirs = await applyWithDeadVictim();
    const { destinations } = await plan();
    const own = destinations.find(({ server }) => server === victim.server);
    const part = own?.outcome === 'changes' ? own.part : theirs.part;
    const receipt = { ...theirs, order, server: victim.server, part };
    await write(keys.receipt(victim.server, order), await sign(receipt, victim.signer));
    expect(await verdict()).toMatchObject({ verdict: 'SUCCEEDED' });
  });

  it('another server signed it', () => expectNoProof((good) => sign(good, other.signer), /did not sign/));

  it('nobody that is enrolled signed it', () => expectNoProof((good) => sign(good, createKeySigner()), /did not sign/));

  it('the control plane itself signed it', () =>
    expectNoProof((good) => sign(good, planned.dependencies.signer), /did not sign/));

  it('it is not signed', () => expectNoProof((good) => good, /not valid/));

  it('it was changed after it was signed', () =>
    expectNoProof(async (good) => {
      const lie = await sign({ ...good, after: good.before }, victim.signer);
      return { ...lie, payload: good };
    }, /did not sign/));

  it('it is the receipt of another server, wholly', () =>
    expectNoProof(async () => {
      const key = keys.receipt(other.server, orderId(planned.sync, 'apply', other.server));
      return JSON.parse(Buffer.from((await planned.fleet.store.get(key))?.body ?? []).toString());
    }, /did not sign/));

  it('it answers another order', () =>
    expectNoProof(
      (good) => sign({ ...good, order: orderId(planned.sync, 'inventory', victim.server) }, victim.signer),
      /it answers order/,
    ));

  it('it answers for another server', () =>
    expectNoProof((good) => sign({ ...good, server: other.server }, victim.signer), /it answers order/));

  it('it is about another plan', () =>
    expectNoProof((good) => sign({ ...good, plan: sha256('other') }, victim.signer), /another plan/));

  it('it is about another part', () =>
    expectNoProof((good) => sign({ ...good, part: sha256('other') }, victim.signer), /another part/));

  it('it began from another state', () =>
    expectNoProof(
      (good) => sign({ ...good, before: { ...good.before, state: sha256('other') } }, victim.signer),
      /began from another state/,
    ));

  it('it ended in another state', () =>
    expectNoProof(
      (good) => sign({ ...good, after: { ...good.after, state: good.before.state } }, victim.signer),
      /ended in another state/,
    ));

  it('licenses were changed', () =>
    expectNoProof(
      (good) => sign({ ...good, after: { ...good.after, protectedState: sha256('other') } }, victim.signer),
      /licenses or identity changed/,
    ));

  it('it is the receipt of the inventory, in the place of that of the apply', () =>
    expectNoProof(async () => {
      const key = keys.receipt(victim.server, orderId(planned.sync, 'inventory', victim.server));
      return JSON.parse(Buffer.from((await planned.fleet.store.get(key))?.body ?? []).toString());
    }, /it answers order/));

  it('it is made to fill the memory of whoever parses it', () =>
    expectNoProof(() => Buffer.alloc(32 * 1024 ** 2, '['), /bytes are too many/));

  it('it says that it is another kind of document', () =>
    expectNoProof((good) => sign({ ...good, format: 'lockstep-progress/1' }, victim.signer), /not valid/));
});

it('a receipt that is replaced after the verdict changes no verdict', async () => {
  const theirs = await applyWithDeadVictim();
  const before = await verdict();
  expect(before).toMatchObject({ verdict: 'FAILED', destinations: [{ verdict: 'OFFLINE' }, { verdict: 'SUCCEEDED' }] });
  await write(
    keys.receipt(victim.server, order),
    await sign({ ...theirs, order, server: victim.server }, victim.signer),
  );
  await signal(planned.dependencies, keys.receipt(victim.server, order));
  expect(await verdict()).toEqual(before);
});

describe('a sign of life moves no token when it', () => {
  async function beat(at: string, signer: Signer = victim.signer, about: string = order): Promise<void> {
    const counts = { filesDone: 0, filesTotal: 1, bytesDone: 0, bytesTotal: 1 };
    const progress = { format: PROGRESS_FORMAT, order: about, server: victim.server, at, stage: 'fetching', ...counts };
    await write(keys.progress(victim.server, order), await sign(progress, signer));
    await signal(planned.dependencies, keys.progress(victim.server, order));
  }

  function beats(): number {
    return planned.tokens.told.filter((line) => line.startsWith('heartbeat')).length;
  }

  beforeEach(async () => {
    await applyWithDeadVictim();
  });

  it('is forged with another key', async () => {
    for (const signer of [createKeySigner(), other.signer, planned.dependencies.signer])
      await beat(new Date().toISOString(), signer);
    expect(beats()).toBe(0);
    expect(planned.logged).toHaveLength(3);
  });

  it('is about another order', async () => {
    await beat(new Date().toISOString(), victim.signer, orderId(planned.sync, 'inventory', victim.server));
    expect(beats()).toBe(0);
  });

  it('is an old one of the dead agent, replayed to keep it alive', async () => {
    await beat('2026-01-02T03:04:05.000Z');
    await beat('2026-01-02T03:04:07.000Z');
    expect(beats()).toBe(2);
    for (let again = 0; again < 5; again++) await beat('2026-01-02T03:04:07.000Z');
    await beat('2026-01-02T03:04:05.000Z');
    expect(beats()).toBe(2);
  });
});

describe('nothing is ordered by a plan', () => {
  function ordering(): Promise<void> {
    return apply(planned.dependencies, { sync: planned.sync, server: victim.server, token: 't' });
  }

  async function expectNothingOrdered(problem: RegExp): Promise<void> {
    await expect(ordering()).rejects.toThrow(problem);
    expect(await planned.fleet.store.head(keys.orderRecord(planned.sync, 'apply', victim.server))).toBeUndefined();
    expect(victim.obeyed.map(({ step }) => step)).not.toContain('apply');
  }

  const vote = async (by: string, more: Partial<Vote> = {}): Promise<Vote> => ({
    format: VOTE_FORMAT,
    sync: planned.sync,
    plan: (await plan()).digest,
    decision: 'APPROVED',
    by,
    via: 'test',
    at: new Date().toISOString(),
    ...more,
  });

  async function forgeDecision(votes: readonly Vote[], more: Partial<Decision> = {}): Promise<void> {
    const { digest } = await plan();
    const decision = { format: DECISION_FORMAT, sync: planned.sync, plan: digest, decision: 'APPROVED', votes };
    await write(keys.decision(planned.sync), { ...decision, ...more });
  }

  it('that was exchanged for another one, validly signed', async () => {
    const sync = await planned.fleet.request();
    await planned.fleet.start();
    await planned.fleet.planned(sync);
    await planned.fleet.stopController();
    await planned.fleet.vote(planned.sync, 'APPROVED');
    const another = await planned.fleet.store.get(keys.plan(sync));
    await planned.fleet.store.put(keys.plan(planned.sync), another?.body ?? new Uint8Array());
    await expectNothingOrdered(new RegExp(`it is about ${sync}`));
  });

  it('that is not signed any more as it stands', async () => {
    await planned.fleet.vote(planned.sync, 'APPROVED');
    await write(keys.plan(planned.sync), await sign({ ...(await plan()), requestedBy: 'nobody' }, createKeySigner()));
    await expectNothingOrdered(/did not sign/);
  });

  it('of which the decision on another plan was put in the place of its own', async () => {
    await forgeDecision([await vote('approver', { plan: sha256('another plan') })], { plan: sha256('another plan') });
    await expectNothingOrdered(/this names plan/);
  });

  it('that only its requester approved', async () => {
    await forgeDecision([await vote('requester')]);
    await expectNothingOrdered(/cannot approve/);
  });

  it('that was approved after it had expired', async () => {
    await forgeDecision([await vote('approver', { at: '2999-01-01T00:00:00.000Z' })]);
    await expectNothingOrdered(/expired/);
  });

  it('of which a rejection was turned into an approval', async () => {
    await forgeDecision([await vote('approver', { decision: 'REJECTED' })]);
    await expectNothingOrdered(/does not fit/);
  });

  it('that was rejected', async () => {
    await planned.fleet.vote(planned.sync, 'REJECTED');
    await expectNothingOrdered(/not approved/);
  });

  describe('that certain people have to approve,', () => {
    beforeEach(async () => {
      await planned.fleet.end();
      const approvers = { people: ['manager'], groups: { leads: ['bert'] } };
      const policy = { ...(await plan()).policy, approvers };
      planned = await planFleet(1, { policy });
      victim = planned.destinations[0] ?? expect.unreachable();
    });

    it('when somebody else wrote the decision', async () => {
      await forgeDecision([await vote('approver')]);
      await expectNothingOrdered(/approver is none of those whose word counts/);
    });

    it('when an identity provider is said to have named another group', async () => {
      await forgeDecision([await vote('bert', { groups: ['visitors'] })]);
      await expectNothingOrdered(/bert is none of those whose word counts/);
    });

    it('when the code was left out, which it must not be', async () => {
      await forgeDecision([await vote('manager', { groups: [], withoutCode: true })]);
      await expectNothingOrdered(/short code of the plan is missing/);
    });
  });

  describe('that needs two approvals,', () => {
    beforeEach(async () => {
      await planned.fleet.end();
      const policy = { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 2, requesterMayApprove: false };
      planned = await planFleet(1, { policy: policy as Plan['policy'] });
      victim = planned.destinations[0] ?? expect.unreachable();
    });

    it('when one person is named twice', async () => {
      const once = await vote('approver');
      await forgeDecision([once, { ...once, via: 'again' }]);
      await expectNothingOrdered(/does not fit/);
    });

    it('when there is one', async () => {
      await forgeDecision([await vote('approver')]);
      await expectNothingOrdered(/does not fit/);
    });

    it.each<[string, () => Promise<Vote>, string]>([
      ['a second one of the same person, under another name', () => vote('one'), 'somebody else'],
      ['one of its requester', () => vote('requester'), 'requester'],
      ['one about another plan', () => vote('two', { plan: sha256('another plan') }), 'two'],
    ])(
      'when one was cast and the other is forged: %s; and the next that is good still counts',
      async (_, forge, name) => {
        await write(keys.vote(planned.sync, sha256(name)), await forge());
        await planned.fleet.vote(planned.sync, 'APPROVED', 'one');
        expect(await findDecision(planned.fleet, planned.sync)).toBeUndefined();
        await expectNothingOrdered(/not approved/);
        await planned.fleet.vote(planned.sync, 'APPROVED', 'three');
        await ordering();
      },
    );
  });
});

it('a forged status, of an agent that is said to be well and in the planned state, proves nothing', async () => {
  await applyWithDeadVictim();
  const server = serverIdSchema.parse(victim.server);
  await write(keys.status(server), { server, seenAt: new Date().toISOString(), agent: '9', lastSequence: 99 });
  expect(await verdict()).toMatchObject({ verdict: 'FAILED', destinations: [{ verdict: 'OFFLINE' }, {}] });
});

it('a forged sign of life makes a dead destination one that began, never one that succeeded', async () => {
  await applyWithDeadVictim();
  await write(keys.progress(victim.server, order), { forged: true });
  expect(await verdict()).toMatchObject({
    verdict: 'FAILED',
    destinations: [{ verdict: 'FAILED', reason: 'NO_ANSWER' }, {}],
  });
});
