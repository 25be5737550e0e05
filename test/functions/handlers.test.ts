import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { keys, orderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requestSync } from '#functions/request-sync.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { FakeAgent } from '#test/support/fake-agent.ts';
import { type LambdaWorld, openLambdaWorld, SECRET_KEY, verifierOf } from '#test/support/lambda-world.ts';
import { NEW, OLD } from './planned-fleet.ts';

const SOURCE = serverIdSchema.parse('plant-a/source');
const DESTINATION = serverIdSchema.parse('plant-a/tm1');
const SYNC = '20260102T030405Z-0a1b2c3d';

let world: LambdaWorld;

beforeEach(async () => {
  world = await openLambdaWorld();
});

afterEach(() => world.close());

describe('the Lambda handlers', () => {
  it('carry one sync from its request to its verdict, and answer Step Functions', async () => {
    const { sync } = await carrySync();

    expect(await findVerdict(world.store, sync)).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(told()).toEqual([
      `StartExecution ${sync} {"sync":"${sync}"}`,
      `SendTaskHeartbeat ${tokenOf(`inventory ${SOURCE}`)} `,
      `SendTaskSuccess ${tokenOf(`inventory ${SOURCE}`)} {"outcome":"DONE"}`,
      `SendTaskHeartbeat ${tokenOf(`inventory ${DESTINATION}`)} `,
      `SendTaskSuccess ${tokenOf(`inventory ${DESTINATION}`)} {"outcome":"DONE"}`,
      `SendTaskSuccess ${tokenOf('approval')} {"decision":"APPROVED"}`,
      `SendTaskSuccess ${tokenOf('apply')} {"outcome":"SUCCEEDED"}`,
    ]);
    expect(world.asked.ses.requests).toHaveLength(2);
    expect(await world.store.head(keys.execution(sync))).toBeUndefined();
  });

  it('lead in their mails to the console of the stack, whose address has to be one', async () => {
    vi.stubEnv('LOCKSTEP_CONSOLE_URL', 'https://stack.example.org');
    const { sync } = await carrySync();
    const mails = world.asked.ses.requests.map(({ body }) => textOf(body));
    expect(mails).toHaveLength(2);
    for (const mail of mails)
      expect(mail).toMatch(new RegExp(`https://stack\\.example\\.org/(approvals|syncs)/${sync}`));
    vi.stubEnv('LOCKSTEP_CONSOLE_URL', 'http://stack.example.org');
    vi.resetModules();
    await expect((await world.handlerOf('approval'))({ sync, token: 'one' })).rejects.toThrow('LOCKSTEP_CONSOLE_URL');
  });

  it('write no task token, no signature, no credential and no content into any log', async () => {
    const { tokens } = await carrySync();
    const written = world.written();
    expect(written).toContain('sync-ended');
    expect(written).not.toContain(SECRET_KEY);
    for (const token of tokens) expect(written).not.toContain(token);
    for (const { body } of world.asked.kms.requests) {
      if (body.Message !== undefined) expect(written).not.toContain(String(body.Message));
    }
    expect(written).not.toMatch(/PRIVATE KEY|AWS4-HMAC|Signature=/);
  });

  it('name the sync and the server in every line about them', async () => {
    const { sync } = await carrySync();
    await expect((await world.handlerOf('apply'))({ sync, server: DESTINATION, token: 1 })).rejects.toThrow();
    const failed = linesOf('function-failed');
    expect(failed).toMatchObject([{ sync, server: DESTINATION, level: 'ERROR', error: { name: 'InvalidDocument' } }]);
    expect(linesOf('sync-ended')).toMatchObject([{ sync, step: 'report', verdict: 'SUCCEEDED', level: 'INFO' }]);
  });

  it('count for the dashboard what happened, once', async () => {
    await carrySync();
    expect(metrics()).toEqual({
      'SyncsStarted ': 1,
      'BytesPlanned ': 0,
      'ApprovalsRequested ': 1,
      'WavesApplied ': 1,
      'SyncsEnded SUCCEEDED': 1,
      'DestinationVerdicts SUCCEEDED': 1,
      'OfflineServers ': 0,
      'BytesTransferred ': 12,
    });
  });

  it('sign only where orders and plans are made, and ask for the public key once per cold start', async () => {
    await carrySync();
    const operations = Object.groupBy(world.asked.kms.requests, ({ operation }) => operation);
    // Two inventory orders, the plan, one apply order.
    expect(operations.Sign).toHaveLength(4);
    // inventory, plan, approval, apply, signal, report.
    expect(operations.GetPublicKey).toHaveLength(6);
  });

  it('sweep the store on a schedule, as the schedule says, with nothing but the store', async () => {
    for (const name of ['LOCKSTEP_SIGNING_KEY', 'LOCKSTEP_MAIL_FROM', 'LOCKSTEP_STATE_MACHINE'])
      vi.stubEnv(name, undefined);
    const prune = await world.handlerOf('prune');
    const nothing = { objects: 0, bytes: 0 };
    expect(await prune({ keep: 5, graceDays: 1 })).toMatchObject({
      dryRun: false,
      counts: { pack: { kept: nothing } },
    });
    await expect(prune({ keep: 0 })).rejects.toThrow(/prune event is not valid/);
  });

  it.each([
    ['plan', 'LOCKSTEP_STORE'],
    ['plan', 'LOCKSTEP_SIGNING_KEY'],
    ['report', 'LOCKSTEP_MAIL_FROM'],
    ['start', 'LOCKSTEP_STATE_MACHINE'],
  ])('need their environment when they are called, not when they are loaded: %s names %s', async (name, variable) => {
    vi.stubEnv(variable, undefined);
    const handler = await world.handlerOf(name);
    await expect(handler({ step: 'plan', sync: SYNC })).rejects.toThrow(variable);
  });

  it('refuse a store that is a part of a bucket, whose events they would not know', async () => {
    vi.stubEnv('LOCKSTEP_STORE', 's3://fleet/part');
    const plan = await world.handlerOf('plan');
    await expect(plan({ step: 'plan', sync: SYNC })).rejects.toThrow(/without a prefix/);
  });

  it('try again to open what failed to open at an earlier call', async () => {
    vi.stubEnv('LOCKSTEP_SIGNING_KEY', '');
    const plan = await world.handlerOf('plan');
    const event = { step: 'plan', sync: SYNC };
    await expect(plan(event)).rejects.toThrow(/LOCKSTEP_SIGNING_KEY/);
    vi.stubEnv('LOCKSTEP_SIGNING_KEY', world.kms.arn);
    await expect(plan(event)).rejects.toThrow(/there is no such sync/);
  });

  it('fail with the name that the workflow looks for', async () => {
    const report = await world.handlerOf('report');
    await expect(report({ step: 'report', sync: SYNC, ending: 'failed' })).rejects.toMatchObject({
      name: 'InvalidDocument',
    });
  });
});

describe('a batch of events', () => {
  it('is answered with the records that failed; the others are done, whatever they stand beside', async () => {
    const { handlers, sync, voted } = await prepare();
    await handlers.approval({ sync, token: tokenOf('approval') });
    await voted();
    const answer = await handlers.signal({
      Records: [
        { messageId: 'poison', body: '{"detail":' },
        { messageId: 'other', body: JSON.stringify({ 'detail-type': 'Object Tagged' }) },
        recordOf('decision', keys.decision(sync)),
        recordOf('unknown', 'packs/00/something-else'),
      ],
    });
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'poison' }, { itemIdentifier: 'other' }] });
    expect(told().filter((line) => line.includes(tokenOf('approval')))).toEqual([
      `SendTaskSuccess ${tokenOf('approval')} {"decision":"APPROVED"}`,
    ]);
    expect(linesOf('record-failed').map(({ messageId }) => messageId)).toEqual(['poison', 'other']);
  });

  it('brings back a record whose object the store would not give, and nothing else', async () => {
    const { handlers, sync } = await prepare();
    vi.spyOn(world.store, 'head').mockRejectedValue(new Error('disk on fire'));
    const answer = await handlers.start({ Records: [recordOf('one', keys.execution(sync)), recordOf('two', 'else')] });
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'one' }] });
  });

  it('may come twice', async () => {
    const { handlers, sync } = await prepare();
    const record = recordOf('one', keys.execution(sync));
    const batch = { Records: [record, { ...record, messageId: 'two' }] };
    for (const _ of [1, 2]) expect(await handlers.start(batch)).toEqual({ batchItemFailures: [] });
    const started = told().filter((line) => line.startsWith('StartExecution'));
    expect(new Set(started)).toEqual(new Set([`StartExecution ${sync} {"sync":"${sync}"}`]));
  });

  it('starts no workflow on a sync that has its verdict', async () => {
    const { sync } = await carrySync();
    const before = told().length;
    const start = await world.handlerOf('start');
    expect(await start({ Records: [recordOf('one', keys.execution(sync))] })).toEqual({ batchItemFailures: [] });
    expect(told()).toHaveLength(before);
  });

  it('counts what is forged as refused', async () => {
    const { handlers, sync, voted } = await prepare();
    await handlers.approval({ sync, token: tokenOf('approval') });
    await voted();
    const forged = Buffer.from(JSON.stringify({ plan: 'another' }));
    await world.store.put(keys.decision(sync), forged);
    expect(await handlers.signal({ Records: [recordOf('one', keys.decision(sync))] })).toEqual({
      batchItemFailures: [],
    });
    expect(metrics()).toMatchObject({ 'SignalsRefused ': 1 });
  });
});

const NAMES = ['start', 'inventory', 'plan', 'approval', 'apply', 'signal', 'report'] as const;

/** A sync that is planned, and all that it takes to go on with it by hand. */
async function prepare() {
  const { store, kms } = world;
  const { publicKey } = verifierOf(kms);
  const source = await FakeAgent.enrol(store, SOURCE, NEW);
  const destination = await FakeAgent.enrol(store, DESTINATION, OLD);
  const wiring = { executions: new StoreExecutions(store), now: () => new Date(), random: () => 'b2c3d' };
  const sync = await requestSync(
    { store, ...wiring },
    {
      requestedBy: 'requester',
      source: SOURCE,
      destinations: [DESTINATION],
      policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: false },
      waveSize: 10,
      errorBudget: 0,
      timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
      notify: ['approvers@example.org'],
    },
  );
  const opened = await Promise.all(NAMES.map(async (name) => [name, await world.handlerOf(name)] as const));
  const handlers = Object.fromEntries(opened) as Record<(typeof NAMES)[number], (event: unknown) => Promise<unknown>>;
  const written = (key: string) => handlers.signal({ Records: [recordOf('one', key)] });
  await handlers.start({ Records: [recordOf('one', keys.execution(sync))] });
  expect(await handlers.inventory({ step: 'prepare', sync })).toMatchObject({
    inventoryItems: keys.inventoryItems(sync),
  });
  for (const agent of [source, destination]) {
    await handlers.inventory({ step: 'take', sync, server: agent.server, token: tokenOf(`inventory ${agent.server}`) });
    await agent.poll();
    await written(keys.progress(agent.server, orderId(sync, 'inventory', agent.server)));
    await written(keys.receipt(agent.server, orderId(sync, 'inventory', agent.server)));
  }
  const voted = async () => {
    const { digest } = await requirePlan(store, sync, publicKey);
    const voting = { store, now: () => new Date(), controlKey: publicKey };
    await castVote(voting, { sync, plan: digest, decision: 'APPROVED', by: 'approver', via: 'test' });
  };
  expect(await handlers.plan({ step: 'plan', sync })).toMatchObject({ next: 'approve', wave: { index: 0, bad: 0 } });
  return { sync, handlers, written, voted, destination };
}

async function carrySync(): Promise<{ readonly sync: SyncId; readonly tokens: readonly string[] }> {
  const { destination, handlers, sync, voted, written } = await prepare();
  await handlers.approval({ sync, token: tokenOf('approval') });
  await voted();
  await written(keys.decision(sync));
  await handlers.apply({ sync, server: DESTINATION, token: tokenOf('apply') });
  await destination.poll();
  await written(keys.receipt(DESTINATION, orderId(sync, 'apply', DESTINATION)));
  await written('packs/00/something-else');
  expect(await handlers.report({ step: 'judge', sync, wave: 0, bad: 0 })).toMatchObject({ more: false, bad: 0 });
  expect(await handlers.report({ step: 'report', sync, ending: 'applied' })).toEqual({ endedWell: true });
  const waits = [`inventory ${SOURCE}`, `inventory ${DESTINATION}`, 'approval', 'apply'];
  return { sync, tokens: waits.map(tokenOf) };
}

/** Long and random to look at, as those of Step Functions are. */
function tokenOf(waitsFor: string): string {
  return Buffer.from(`AQCEAAAAKgAAAAMAAAAA ${waitsFor} ${'x'.repeat(300)}`).toString('base64');
}

/** As the queue brings it. */
function recordOf(messageId: string, key: string) {
  return {
    messageId,
    body: JSON.stringify({ source: 'aws.s3', detail: { bucket: { name: 'fleet' }, object: { key } } }),
  };
}

/** Of a message as SES was given it. */
function textOf(body: unknown): string {
  const { Content } = z.object({ Content: z.object({ Raw: z.object({ Data: z.string() }) }) }).parse(body);
  return Buffer.from(Content.Raw.Data, 'base64').toString().replaceAll('=\r\n', '').replaceAll('=3D', '=');
}

function told(): string[] {
  return world.asked.stepFunctions.requests.map(
    ({ body, operation }) => `${operation} ${body.taskToken ?? body.name} ${body.output ?? body.input ?? ''}`,
  );
}

function lines(): Record<string, unknown>[] {
  return world
    .written()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

function linesOf(event: string): Record<string, unknown>[] {
  return lines().filter(({ message }) => message === event);
}

/** What CloudWatch reads out of the log, by name and verdict. */
function metrics(): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of lines()) {
    const { CloudWatchMetrics = [] } = (line._aws ?? {}) as { CloudWatchMetrics?: Emitted[] };
    for (const { Dimensions, Metrics, Namespace } of CloudWatchMetrics) {
      expect(Namespace).toBe('Lockstep');
      expect(Dimensions).toEqual([line.verdict === undefined ? ['service'] : ['service', 'verdict']]);
      for (const { Name } of Metrics) {
        const name = `${Name} ${line.verdict ?? ''}`;
        sums[name] = (sums[name] ?? 0) + Number(line[Name]);
      }
    }
  }
  return sums;
}

interface Emitted {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string }[];
}
