import { afterEach, beforeEach, expect, it } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';
import { voteCastSchema } from '#functions/api/documents.ts';
import { findDecision } from '#functions/approval/cast-vote.ts';
import { type PlannedFleet, planFleet } from '#test/functions/planned-fleet.ts';
import { StoreWithRival } from '#test/support/store-with-rival.ts';
import { ServedApi } from './served-api.ts';

let store: StoreWithRival;
let planned: PlannedFleet;
let api: ServedApi;

beforeEach(async () => {
  store = new StoreWithRival();
  planned = await planFleet(1, {}, store);
  api = await ServedApi.serve({ store, controlKey: planned.dependencies.signer.publicKey });
});

afterEach(() => planned.fleet.end());

async function planDigest(): Promise<string> {
  return (await api.ask(`/api/v1/approvals/${planned.sync}`, { token: await api.token('looker', ['viewer']) })).body
    .plan.digest;
}

async function vote(person: string, body: unknown) {
  return await api.ask(`/api/v1/approvals/${planned.sync}/votes`, { token: await api.token(person), body });
}

it('records a vote on the plan that it names, by way of the API, and writes that down', async () => {
  const plan = await planDigest();
  const { body, status } = await vote('ann', { plan, decision: 'APPROVED', comment: 'looks right' });
  expect(status).toBe(201);
  const cast = voteCastSchema.parse(body);
  expect(cast.vote).toMatchObject({ by: 'ann', via: 'api', plan, comment: 'looks right', decision: 'APPROVED' });
  expect(cast.decision).toEqual(await findDecision({ store }, planned.sync));
  expect(api.logged).toContainEqual(
    expect.objectContaining({
      event: 'decision',
      person: 'ann',
      sync: planned.sync,
      plan,
      vote: 'APPROVED',
      via: 'api',
    }),
  );
});

it('refuses a vote on another plan, and leaves none', async () => {
  const { body, status } = await vote('ann', { plan: sha256('another'), decision: 'APPROVED' });
  expect(status).toBe(409);
  expect(body.detail).toContain('look at that plan, then decide on it');
  expect(await store.head(keys.vote(planned.sync, sha256('ann')))).toBeUndefined();
  expect(api.logged).toContainEqual(
    expect.objectContaining({ event: 'decision-refused', person: 'ann', plan: sha256('another'), via: 'api' }),
  );
});

it('refuses the approval of whoever asked for the sync, and takes his rejection', async () => {
  const plan = await planDigest();
  const refused = await vote('requester', { plan, decision: 'APPROVED' });
  expect(refused.status).toBe(409);
  expect(refused.body.detail).toContain('requester asked for this sync and so cannot approve it');
  expect((await vote('requester', { plan, decision: 'REJECTED' })).status).toBe(201);
});

it('refuses a vote that is sent again, and says who has decided', async () => {
  const plan = await planDigest();
  expect((await vote('ann', { plan, decision: 'REJECTED' })).status).toBe(201);
  for (const decision of ['REJECTED', 'APPROVED']) {
    const again = await vote('ann', { plan, decision });
    expect(again.status).toBe(409);
    expect(again.body.detail).toMatch(/was rejected already, by ann at/);
  }
});

it('tells the second of two who decide at once that he was not first', async () => {
  const plan = await planDigest();
  store.rival = () => planned.fleet.vote(planned.sync, 'REJECTED', 'ben');
  const { body, status } = await vote('ann', { plan, decision: 'APPROVED' });
  expect(status).toBe(409);
  expect(body.detail).toContain('somebody else was first');
});

it('refuses what is no vote, with the place where it is wrong', async () => {
  const plan = await planDigest();
  for (const [body, place] of [
    [{}, 'json.plan'],
    [{ plan, decision: 'MAYBE' }, 'json.decision'],
    [{ plan, decision: 'APPROVED', by: 'ben' }, 'by'],
    [{ plan: plan.slice(1), decision: 'APPROVED' }, 'json.plan'],
    [{ plan, decision: 'APPROVED', comment: 'x'.repeat(1001) }, 'json.comment'],
    [{ plan, decision: 'APPROVED', acknowledgedRemovals: -1 }, 'json.acknowledgedRemovals'],
    ['{', 'JSON'],
  ] as const) {
    const answer = await vote('ann', body);
    expect(answer.status, answer.text).toBe(400);
    expect(answer.body.detail).toContain(place);
  }
  const huge = await vote('ann', { plan, decision: 'APPROVED', comment: 'x'.repeat(20_000) });
  expect(huge).toMatchObject({ status: 413, type: 'application/problem+json' });
  const asForm = await api.ask(`/api/v1/approvals/${planned.sync}/votes`, {
    token: await api.token('ann'),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: `plan=${plan}&decision=APPROVED`,
  });
  expect(asForm).toMatchObject({ status: 415, type: 'application/problem+json' });
  expect(await findDecision({ store }, planned.sync)).toBeUndefined();
});

it('looking decides nothing, whatever the method', async () => {
  const token = await api.token('ann');
  const path = `/api/v1/approvals/${planned.sync}/votes`;
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH'])
    expect((await api.ask(path, { token, method })).status).toBe(404);
  expect(await findDecision({ store }, planned.sync)).toBeUndefined();
});
