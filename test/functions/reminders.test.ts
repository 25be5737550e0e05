import { afterEach, beforeEach, expect, it } from 'vitest';
import { ServicePermanent, ServiceTransient } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { Controller } from '#embedded/controller.ts';
import { approval } from '#functions/approval/approval.ts';
import { remind } from '#functions/approval/remind.ts';
import { cancelSync } from '#functions/cancel-sync.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { type PlannedFleet, planFleet } from './planned-fleet.ts';

let planned: PlannedFleet;

beforeEach(async () => {
  planned = await planFleet(1);
  // As the workflow that is stopped here had left it.
  await approval(planned.dependencies, { sync: planned.sync, token: 'waits' });
});

afterEach(() => planned.fleet.end());

/** The dependencies at that share of the time that a plan waits. */
async function after(share: number) {
  const { signer, store } = planned.dependencies;
  const { createdAt, expiresAt } = await requirePlan(store, planned.sync, signer.publicKey);
  const [from, until] = [Date.parse(createdAt), Date.parse(expiresAt)];
  return { ...planned.dependencies, now: () => new Date(from + (until - from) * share) };
}

it('reminds the approvers once, when a quarter of the time is left', async () => {
  await remind(await after(0.74));
  expect(planned.mails).toHaveLength(1);
  await remind(await after(0.76));
  await remind(await after(0.9));
  expect(planned.mails).toHaveLength(2);
  const [asked, reminder] = planned.mails;
  expect(reminder?.to).toEqual(asked?.to);
  expect(reminder?.subject).toMatch(/^Lockstep: reminder: approve sync/);
  expect(reminder?.text).toContain('three quarters of the time are over');
  expect(reminder?.html).toContain('three quarters of the time are over');
});

it('reminds nobody once the plan is decided, expired, or no longer wanted', async () => {
  await remind(await after(1.01));
  await cancelSync(planned.dependencies, { sync: planned.sync, by: 'somebody' });
  await remind(await after(0.8));
  expect(planned.mails).toHaveLength(1);
});

it('reminds nobody of what was decided before the workflow has taken notice', async () => {
  await planned.fleet.vote(planned.sync, 'APPROVED');
  await remind(await after(0.8));
  expect(planned.mails).toHaveLength(1);
});

it('tries again when the mail server was away, and not when it refused', async () => {
  const { store } = planned.dependencies;
  const failing = (error: Error) => ({ send: () => Promise.reject(error) });
  const dependencies = await after(0.8);
  await remind({ ...dependencies, notifier: failing(new ServiceTransient('mail', 'away')) });
  expect(await store.head(keys.approvalReminded(planned.sync))).toBeUndefined();
  await remind({ ...dependencies, notifier: failing(new ServicePermanent('mail', 'no')) });
  expect(await store.head(keys.approvalReminded(planned.sync))).toBeDefined();
  expect(planned.logged.filter((line) => line.startsWith('mail-not-sent'))).toHaveLength(2);
});

it('is what a controller looks for by itself', async () => {
  const { tokens: _, ...dependencies } = await after(0.8);
  const controller = await Controller.start({ ...dependencies, pollMilliseconds: 2, adopt: true });
  await planned.fleet.until(() => planned.mails.length === 2);
  await controller.stop();
});
