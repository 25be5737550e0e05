import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { openFileSigner } from '#adapters/file-signer.ts';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { keys, orderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requestSync } from '#functions/request-sync.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { FakeAgent } from '#test/support/fake-agent.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { NEW, OLD } from './planned-fleet.ts';

const SOURCE = serverIdSchema.parse('plant-a/source');
const DESTINATION = serverIdSchema.parse('plant-a/tm1');

/** As Lambda would call it. */
type Handler = (event: unknown, context: object) => Promise<unknown>;

let folder: string;
let stepFunctions: Server;
let calls: { readonly action: string; readonly body: Record<string, string> }[];

beforeEach(async () => {
  folder = await temporaryFolder();
  calls = [];
  stepFunctions = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      calls.push({ action: String(request.headers['x-amz-target']), body: JSON.parse(body) });
      response.setHeader('content-type', 'application/x-amz-json-1.0');
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => stepFunctions.listen(0, '127.0.0.1', resolve));
  const { port } = stepFunctions.address() as AddressInfo;
  vi.resetModules();
  vi.spyOn(console, 'log').mockReturnValue();
  vi.stubEnv('AWS_ENDPOINT_URL_SFN', `http://127.0.0.1:${port}`);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'dummy');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'dummy');
  vi.stubEnv('LOCKSTEP_STORE', `file://${join(folder, 'store')}`);
  vi.stubEnv('LOCKSTEP_CONTROL_KEY', join(folder, 'control-key.pem'));
  vi.stubEnv('LOCKSTEP_OUTBOX', join(folder, 'outbox'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  stepFunctions.closeAllConnections();
  await new Promise((resolve) => stepFunctions.close(resolve));
});

async function handlerOf(name: string): Promise<Handler> {
  const { handler } = (await import(`../../functions/${name}/handler.ts`)) as { readonly handler: Handler };
  return (event) => handler(event, { getRemainingTimeInMillis: () => 60_000 });
}

describe('the Lambda handlers', () => {
  it('carry one sync from its request to its verdict, and answer Step Functions', async () => {
    const store = await DirectoryStore.open(join(folder, 'store'));
    const signer = await openFileSigner(join(folder, 'control-key.pem'));
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
    const [inventory, plan, approval, apply, signal, report] = await Promise.all(
      ['inventory', 'plan', 'approval', 'apply', 'signal', 'report'].map(handlerOf),
    );
    const written = async (key: string) => signal?.({ detail: { object: { key } } }, {});

    expect(await inventory?.({ step: 'prepare', sync }, {})).toMatchObject({
      inventoryItems: keys.inventoryItems(sync),
    });
    for (const agent of [source, destination]) {
      await inventory?.({ step: 'take', sync, server: agent.server, token: `inventory ${agent.server}` }, {});
      await agent.poll();
      await written(keys.progress(agent.server, orderId(sync, 'inventory', agent.server)));
      await written(keys.receipt(agent.server, orderId(sync, 'inventory', agent.server)));
    }
    expect(await plan?.({ sync }, {})).toMatchObject({ next: 'approve', wave: { index: 0, more: true, bad: 0 } });
    await approval?.({ sync, token: 'approval' }, {});
    const { digest } = await requirePlan(store, sync, signer.publicKey);
    const voting = { store, now: () => new Date(), controlKey: signer.publicKey };
    await castVote(voting, { sync, plan: digest, decision: 'APPROVED', by: 'approver', via: 'test' });
    await written(keys.decision(sync));
    await apply?.({ sync, server: DESTINATION, token: 'apply' }, {});
    await destination.poll();
    await written(keys.receipt(DESTINATION, orderId(sync, 'apply', DESTINATION)));
    await written('packs/00/something-else');
    expect(await report?.({ step: 'judge', sync, wave: 0, bad: 0 }, {})).toMatchObject({ more: false, bad: 0 });
    expect(await report?.({ step: 'report', sync, ending: 'applied' }, {})).toEqual({ endedWell: true });

    expect(await findVerdict(store, sync)).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(calls.map(({ action, body }) => `${action} ${body.taskToken} ${body.output ?? ''}`)).toEqual([
      `AWSStepFunctions.SendTaskHeartbeat inventory ${SOURCE} `,
      `AWSStepFunctions.SendTaskSuccess inventory ${SOURCE} {"outcome":"DONE"}`,
      `AWSStepFunctions.SendTaskHeartbeat inventory ${DESTINATION} `,
      `AWSStepFunctions.SendTaskSuccess inventory ${DESTINATION} {"outcome":"DONE"}`,
      'AWSStepFunctions.SendTaskSuccess approval {"decision":"APPROVED"}',
      'AWSStepFunctions.SendTaskSuccess apply {"outcome":"SUCCEEDED"}',
    ]);
  });

  it('sweep the store on a schedule, as the schedule says', async () => {
    const prune = await handlerOf('prune');
    const nothing = { objects: 0, bytes: 0 };
    expect(await prune({ keep: 5, graceDays: 1 }, {})).toMatchObject({
      dryRun: false,
      counts: { pack: { kept: nothing } },
    });
    await expect(prune({ keep: 0 }, {})).rejects.toThrow(/prune event is not valid/);
  });

  it('need their environment when they are called, not when they are loaded, and name what is missing', async () => {
    vi.stubEnv('LOCKSTEP_STORE', undefined);
    const plan = await handlerOf('plan');
    await expect(plan({ sync: '20260102T030405Z-0a1b2c3d' }, {})).rejects.toThrow(/LOCKSTEP_STORE/);
  });

  it('refuse a store that is a part of a bucket, whose events they would not know', async () => {
    vi.stubEnv('LOCKSTEP_STORE', 's3://fleet/part');
    const plan = await handlerOf('plan');
    await expect(plan({ sync: '20260102T030405Z-0a1b2c3d' }, {})).rejects.toThrow(/without a prefix/);
  });

  it('try again to open what failed to open at an earlier call', async () => {
    vi.stubEnv('LOCKSTEP_CONTROL_KEY', join(folder, 'not-there-yet', 'control-key.pem'));
    const plan = await handlerOf('plan');
    const event = { sync: '20260102T030405Z-0a1b2c3d' };
    await expect(plan(event, {})).rejects.toThrow();
    vi.stubEnv('LOCKSTEP_CONTROL_KEY', join(folder, 'control-key.pem'));
    await expect(plan(event, {})).rejects.toThrow(/there is no such sync/);
  });
});
