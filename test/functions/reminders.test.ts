import { afterEach, beforeEach, expect, it } from 'vitest';
import { ServicePermanent, ServiceTransient } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { Controller } from '#embedded/controller.ts';
import { approval } from '#functions/approval/approval.ts';
import { cancelSync } from '#functions/cancel-sync.ts';
import { plan } from '#functions/plan/plan.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { type PlannedFleet, planFleet } from './planned-fleet.ts';

let planned: PlannedFleet;

beforeEach(async () => {
  planned = await planFleet(1);
});

afterEach(() => planned.fleet.end());

/** The dependencies at that share of the time that a plan waits. */
async function after(share: number) {
  const { signer, store } = planned.dependencies;
  const { createdAt, expiresAt } = await requirePlan(store, planned.sync, signer.publicKey);
  const [from, until] = [Date.parse(createdAt), Date.parse(expiresAt)];
  return { ...planned.dependencies, now: () => new Date(from + (until - from) * share) };
}

async function remind(dependencies: PlannedFleet['dependencies']): Promise<void> {
  await approval(dependencies, { step: 'remind', sync: planned.sync });
}

it('is due when a quarter of the time is left, also of a sync that is begun again', async () => {
  const { sync } = planned;
  const waits = async (share: number) => await plan(await after(share), { step: 'plan', sync });
  expect(await waits(0)).toMatchObject({ approvalSeconds: 45, lastSeconds: 15 });
  expect(await waits(0.5)).toMatchObject({ approvalSeconds: 15, lastSeconds: 15 });
  expect(await waits(0.9)).toMatchObject({ approvalSeconds: 1, lastSeconds: 5 });
});

it('reminds the approvers once', async () => {
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

it('is tried again when the mail server was away, and not when it refused', async () => {
  const { store } = planned.dependencies;
  const failing = (error: Error) => ({ send: () => Promise.reject(error) });
  const dependencies = await after(0.8);
  const away = new ServiceTransient('mail', 'away');
  await expect(remind({ ...dependencies, notifier: failing(away) })).rejects.toThrow(away);
  expect(await store.head(keys.approvalReminded(planned.sync))).toBeUndefined();
  await remind({ ...dependencies, notifier: failing(new ServicePermanent('mail', 'no')) });
  expect(await store.head(keys.approvalReminded(planned.sync))).toBeDefined();
  expect(planned.logged.filter((line) => line.startsWith('mail-not-sent'))).toHaveLength(2);
});

it('is what the workflow does by itself, and then takes the decision that comes', async () => {
  const { tokens: _, ...dependencies } = await after(0.8);
  const controller = await Controller.start({ ...dependencies, pollMilliseconds: 2, adopt: true });
  await planned.fleet.until(() => planned.mails.length === 2);
  await planned.fleet.vote(planned.sync, 'APPROVED');
  expect(await planned.fleet.verdict(planned.sync)).toMatchObject({ verdict: 'SUCCEEDED' });
  await controller.stop();
});

it('holds up no sync when its mail cannot be sent', async () => {
  const { tokens: _, ...dependencies } = await after(0.8);
  const notifier = { send: () => Promise.reject(new ServicePermanent('mail', 'no')) };
  const controller = await Controller.start({ ...dependencies, notifier, pollMilliseconds: 2, adopt: true });
  await planned.fleet.until(() => planned.logged.some((line) => line.startsWith('mail-not-sent')));
  await planned.fleet.vote(planned.sync, 'REJECTED');
  expect(await planned.fleet.verdict(planned.sync)).toMatchObject({ verdict: 'REJECTED' });
  await controller.stop();
});
