import { afterEach, describe, expect, it } from 'vitest';
import { encodeDocument } from '#core/documents.ts';
import { ErrorBudgetSpent, Interrupted } from '#core/errors.ts';
import { approvalTokenId, keys, orderId } from '#core/keys.ts';
import { RECEIPT_FORMAT } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { apply } from '#functions/apply/apply.ts';
import { cancelSync } from '#functions/cancel-sync.ts';
import type { Dependencies } from '#functions/dependencies.ts';
import { judgeWave } from '#functions/report/judge-wave.ts';
import { report } from '#functions/report/report.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { findToken, parkToken } from '#functions/waiting.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { type PlannedFleet, planFleet } from './planned-fleet.ts';

let planned: PlannedFleet;

afterEach(() => planned.fleet.end());

/** Approved and ordered; every agent that does not misbehave has answered. */
async function applied(size: number, misbehaving: Partial<Record<number, FakeAgent['misbehaviour']>> = {}) {
  planned = await planFleet(size, { waveSize: 1 });
  const { dependencies, destinations, fleet, sync } = planned;
  for (const [index, agent] of destinations.entries()) agent.misbehaviour = misbehaving[index] ?? 'none';
  await fleet.vote(sync, 'APPROVED');
  for (const { misbehaviour, server } of destinations) {
    await apply(dependencies, { sync, server, token: server });
    if (misbehaviour !== 'silent') await fleet.until(async () => (await receiptOf(server)) !== undefined);
  }
}

async function receiptOf(server: ServerId) {
  return planned.fleet.store.get(keys.receipt(server, orderId(planned.sync, 'apply', server)));
}

async function end(
  ending: string,
  error?: object,
  dependencies: Dependencies = planned.dependencies,
): Promise<SyncVerdict | undefined> {
  await report(dependencies, { step: 'report', sync: planned.sync, ending, ...(error && { error }) });
  return findVerdict(planned.fleet.store, planned.sync);
}

function serverOf(index: number): ServerId {
  const server = planned.destinations[index]?.server;
  if (server === undefined) throw new Error(`expected a destination ${index}`);
  return server;
}

describe('a verdict', () => {
  it('is reached without the plan when somebody has changed that, and says what had been ordered by it', async () => {
    planned = await planFleet(2);
    const { dependencies, destinations, fleet, sync } = planned;
    await fleet.vote(sync, 'APPROVED');
    await apply(dependencies, { sync, server: serverOf(0), token: 't' });
    const stored = await fleet.store.get(keys.plan(sync));
    const tampered = Buffer.from(stored?.body ?? [])
      .toString()
      .replace('"approvals":1', '"approvals":2');
    await fleet.store.put(keys.plan(sync), Buffer.from(tampered));
    await expect(apply(dependencies, { sync, server: serverOf(1), token: 't' })).rejects.toThrow(/did not sign it/);
    const verdict = await end('applied');
    expect(verdict).toMatchObject({ verdict: 'FAILED', plan: null, reason: 'NO_PLAN' });
    expect(verdict?.destinations.map(({ verdict: one }) => one)).toEqual(['FAILED', 'NOT_ATTEMPTED']);
    expect(destinations[1]?.obeyed.map(({ step }) => step)).toEqual(['inventory']);
  });

  it('does not take a receipt as proof once the part that it was about is another', async () => {
    await applied(1);
    const { fleet, sync } = planned;
    for await (const { key } of fleet.store.list(`syncs/${sync}/parts/`)) await fleet.store.put(key, Buffer.from('?'));
    expect(await end('applied')).toMatchObject({ verdict: 'FAILED', reason: 'INVALID_RECEIPT' });
  });

  it('can be read whatever an agent wrote instead of a receipt', async () => {
    await applied(1, { 0: 'silent' });
    const server = serverOf(0);
    const order = orderId(planned.sync, 'apply', server);
    const at = new Date().toISOString();
    const common = { format: RECEIPT_FORMAT, order, sync: planned.sync, server, startedAt: at, finishedAt: at };
    const hostile = {
      ...common,
      step: 'apply',
      outcome: 'FAILED',
      detail: 'x',
      [`\u001b[2J${'k'.repeat(100_000)}`]: 1,
    };
    const signer = planned.destinations[0]?.signer ?? planned.fleet.signer;
    await planned.fleet.store.create(keys.receipt(server, order), encodeDocument(await sign(hostile, signer)));
    expect(await end('applied')).toMatchObject({ destinations: [{ verdict: 'FAILED', reason: 'INVALID_RECEIPT' }] });
  });

  it('is written when the mail about it cannot be sent', async () => {
    await applied(1);
    const notifier = { send: () => Promise.reject(new Error('no space left on the outbox')) };
    const verdict = await end('applied', undefined, { ...planned.dependencies, notifier });
    expect(verdict?.verdict).toBe('SUCCEEDED');
    expect(planned.logged).toContainEqual(expect.stringContaining('no space left on the outbox'));
  });

  it('gives the message of an error, not the JSON that Lambda wraps it into', async () => {
    planned = await planFleet(1);
    const Cause = JSON.stringify({
      errorType: 'SourceUnavailable',
      errorMessage: 'it did not answer',
      trace: ['at x'],
    });
    const verdict = await end('failed', { Error: 'SourceUnavailable', Cause });
    expect(verdict).toMatchObject({ reason: 'SourceUnavailable', detail: 'it did not answer' });
  });

  it('stays the first one, whoever comes later with another', async () => {
    await applied(1);
    const { dependencies, sync } = planned;
    const rival = async () => void (await end('failed', { Error: 'Interrupted', Cause: 'stopped' }));
    const overtaken = { ...dependencies, notifier: { send: rival } };
    const late = await report(overtaken, { step: 'report', sync, ending: 'applied' });
    expect(late).toEqual({ endedWell: false });
    expect(await end('applied')).toMatchObject({ verdict: 'FAILED', reason: 'Interrupted' });
  });

  it('leaves no token behind, and withdraws the orders that were not answered', async () => {
    await applied(2, { 1: 'silent' });
    const { fleet, sync } = planned;
    const order = orderId(sync, 'apply', serverOf(1));
    await parkToken(fleet.store, approvalTokenId(sync), 't');
    expect(await findToken(fleet.store, order)).toBeDefined();
    expect(await end('applied')).toMatchObject({ destinations: [{ verdict: 'SUCCEEDED' }, { verdict: 'OFFLINE' }] });
    const left = [];
    for (const prefix of ['tokens/', 'servers/']) {
      for await (const { key } of fleet.store.list(prefix)) if (/^tokens|withdrawn/.test(key)) left.push(key);
    }
    expect(left).toEqual([keys.withdrawn(serverOf(1), order)]);
  });

  it('is the end of ordering, also for a workflow that has not heard of it', async () => {
    planned = await planFleet(1);
    await planned.fleet.vote(planned.sync, 'APPROVED');
    await end('failed', { Error: 'Interrupted', Cause: 'stopped' });
    const late = apply(planned.dependencies, { sync: planned.sync, server: serverOf(0), token: 't' });
    await expect(late).rejects.toThrow(Interrupted);
  });
});

describe('judging a wave', () => {
  it('gives wave after wave of one, and then an empty one', async () => {
    await applied(2);
    const { dependencies, sync } = planned;
    expect(await judgeWave(dependencies, { sync, wave: 0, bad: 0 })).toMatchObject({ index: 1, more: true, bad: 0 });
    expect(await judgeWave(dependencies, { sync, wave: 1, bad: 0 })).toMatchObject({ index: 2, more: false, bad: 0 });
  });

  it('adds up what ended badly over the waves, and never halts after the last', async () => {
    await applied(3, { 0: 'refuses', 2: 'refuses' });
    const { dependencies, sync } = planned;
    await expect(judgeWave(dependencies, { sync, wave: 0, bad: 0 })).rejects.toThrow(ErrorBudgetSpent);
    await planned.fleet.store.delete(keys.halted(sync));
    await expect(judgeWave(dependencies, { sync, wave: 1, bad: 1 })).rejects.toThrow(ErrorBudgetSpent);
    await planned.fleet.store.delete(keys.halted(sync));
    expect(await judgeWave(dependencies, { sync, wave: 2, bad: 1 })).toMatchObject({ more: false, bad: 2 });
  });

  it('stays halted, also when a late receipt makes good for what spent the budget', async () => {
    await applied(2, { 0: 'silent' });
    const { dependencies, destinations, fleet, sync } = planned;
    await expect(judgeWave(dependencies, { sync, wave: 0, bad: 0 })).rejects.toThrow(ErrorBudgetSpent);
    for (const agent of destinations) agent.misbehaviour = 'none';
    await fleet.until(async () => (await receiptOf(serverOf(0))) !== undefined);
    await expect(judgeWave(dependencies, { sync, wave: 0, bad: 0 })).rejects.toThrow(ErrorBudgetSpent);
  });

  it('says that the sync was cancelled, not that its budget was spent', async () => {
    await applied(2, { 0: 'refuses' });
    await cancelSync(planned.dependencies, { sync: planned.sync, by: 'somebody' });
    await expect(judgeWave(planned.dependencies, { sync: planned.sync, wave: 0, bad: 0 })).rejects.toThrow(Interrupted);
  });
});
