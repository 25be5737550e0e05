import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { ServicePermanent, StoreTransient } from '#core/errors.ts';
import { keys, parseExecutionKey, parseSignalKey } from '#core/keys.ts';
import type { ManifestEntry } from '#core/manifest.ts';
import { serverIdSchema } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requestSync, type SyncWish } from '#functions/request-sync.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import { FakeAgent } from '#test/support/fake-agent.ts';
import { type Handler, type LambdaWorld, openLambdaWorld, verifierOf } from '#test/support/lambda-world.ts';
import { findMotoServer } from '#test/support/moto-server.ts';
import { IndependentStepFunctions } from '#test/support/step-functions.ts';
import { NEW, OLD } from './planned-fleet.ts';

const program = await findMotoServer();

if (program === undefined) {
  const reason =
    'moto_server, whose Step Functions interpret the definition, is not on PATH (pip install "moto[server]")';
  console.warn(`SKIPPED: the workflow in an independent interpreter: ${reason}`);
  test('the workflow runs in an independent interpreter', ({ skip }) => skip(reason));
} else {
  describe('the workflow, in an interpreter that is not ours, with the handlers behind it', () => {
    let world: LambdaWorld;
    let stepFunctions: IndependentStepFunctions;
    const handlers = new Map<string, Promise<Handler>>();
    const agents: FakeAgent[] = [];
    const trouble: string[] = [];
    let failNext: string | undefined;
    let hurried = {};
    let mute = false;
    let fleets = 0;
    const ended = new AbortController();

    const invoke = async (name: string, payload: unknown): Promise<unknown> => {
      if (failNext === name) {
        failNext = undefined;
        throw new StoreTransient('some/key', 'not now');
      }
      if (mute && Object(payload).step === 'remind') throw new ServicePermanent('mail', 'no');
      const opened = handlers.get(name) ?? world.handlerOf(name);
      handlers.set(name, opened);
      const answer = await (await opened)(payload);
      return name === 'plan' ? { ...Object(answer), ...hurried } : answer;
    };

    const unhurry = () => {
      [hurried, mute] = [{}, false];
    };

    /** As EventBridge and the two queues do. */
    const deliver = (key: string) => {
      const name = parseSignalKey(key) ? 'signal' : parseExecutionKey(key) ? 'start' : undefined;
      if (name === undefined) return;
      const body = JSON.stringify({ detail: { object: { key } } });
      invoke(name, { Records: [{ messageId: key, body }] }).then(
        (answer) => JSON.stringify(answer) === '{"batchItemFailures":[]}' || trouble.push(`${name} ${key}`),
        (error: unknown) => trouble.push(String(error)),
      );
    };

    beforeAll(async () => {
      world = await openLambdaWorld({ onWritten: (key) => setImmediate(deliver, key) });
      const { bucket, s3Port } = world;
      stepFunctions = await IndependentStepFunctions.start({ program, bucket, s3Port, invoke });
      vi.stubEnv('AWS_ENDPOINT_URL_SFN', stepFunctions.url);
      void pollAgents();
    });

    afterAll(async () => {
      ended.abort();
      await stepFunctions?.stop();
      await world?.close();
    });

    async function pollAgents(): Promise<void> {
      while (!ended.signal.aborted) {
        for (const agent of agents) await agent.poll();
        await sleep(20);
      }
    }

    async function addFleet(...trees: ManifestEntry[][]): Promise<FakeAgent[]> {
      const site = `plant-${++fleets}`;
      const added = trees.map((tree, index) =>
        FakeAgent.enrol(world.store, serverIdSchema.parse(`${site}/tm${index}`), tree),
      );
      agents.push(...(await Promise.all(added)));
      return agents.slice(-trees.length);
    }

    async function request([source, ...destinations]: FakeAgent[], wish: Partial<SyncWish> = {}): Promise<SyncId> {
      const { store } = world;
      if (source === undefined) throw new TypeError('expected a source');
      const random = () => String(fleets).padStart(5, '0');
      const policy = {
        mode: 'overwrite',
        allowShrink: false,
        dryRun: false,
        approvals: 1,
        requesterMayApprove: false,
      } as const;
      return await requestSync(
        { store, executions: new StoreExecutions(store), now: () => new Date(), random },
        {
          requestedBy: 'requester',
          source: source.server,
          destinations: destinations.map(({ server }) => server),
          policy,
          waveSize: 10,
          errorBudget: 0,
          timeouts: { offlineSeconds: 3, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
          notify: [],
          ...wish,
        },
      );
    }

    async function vote(sync: SyncId, decision: 'APPROVED' | 'REJECTED'): Promise<void> {
      const { kms, store } = world;
      const { publicKey: controlKey } = verifierOf(kms);
      const plan = await until(() => loadPlan(store, sync, controlKey));
      await castVote(
        { store, now: () => new Date(), controlKey },
        { sync, plan: plan.digest, decision, by: 'approver', via: 'test' },
      );
    }

    /** Nothing before the execution is begun. */
    async function pathSoFar(sync: SyncId): Promise<string[]> {
      return await stepFunctions.pathOf(sync).catch((): string[] => []);
    }

    async function ending(sync: SyncId) {
      const execution = await until(async () => {
        const found = await stepFunctions.statusOf(sync).catch(() => undefined);
        return found?.status === 'RUNNING' ? undefined : found;
      });
      const verdict = await findVerdict(world.store, sync);
      return {
        ...execution,
        verdict: verdict?.verdict,
        destinations: verdict?.destinations.map((destination) => destination.verdict),
        path: await stepFunctions.pathOf(sync),
      };
    }

    test('ends in sync where there is nothing to do', async () => {
      const sync = await request(await addFleet(NEW, NEW));
      const { path, ...rest } = await ending(sync);
      expect(rest).toMatchObject({ status: 'SUCCEEDED', verdict: 'IN_SYNC', destinations: ['IN_SYNC'] });
      expect(path.at(-1)).toBe('Succeeded');
      expect(path).not.toContain('Approval');
    });

    test('applies what was approved, wave by wave', async () => {
      const sync = await request(await addFleet(NEW, OLD, OLD, OLD), { waveSize: 2 });
      await vote(sync, 'APPROVED');
      const { path, ...rest } = await ending(sync);
      expect(rest).toMatchObject({ status: 'SUCCEEDED', verdict: 'SUCCEEDED' });
      expect(rest.destinations).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
      expect(path.filter((name) => name === 'ApplyWave')).toHaveLength(2);
      expect(trouble).toEqual([]);
    });

    test('fails as rejected, with nothing written', async () => {
      const fleet = await addFleet(NEW, OLD);
      const sync = await request(fleet);
      await vote(sync, 'REJECTED');
      const { path, ...rest } = await ending(sync);
      expect(rest).toMatchObject({ status: 'FAILED', error: 'SyncNotSucceeded', verdict: 'REJECTED' });
      expect(path.slice(-3)).toEqual(['Rejected', 'ReportTrouble', 'NotSucceeded']);
      expect(fleet[1]?.obeyed.map(({ step }) => step)).toEqual(['inventory']);
    });

    test('fails as expired when nobody decides', async () => {
      onTestFinished(unhurry);
      hurried = { approvalSeconds: 1, lastSeconds: 1 };
      const { path, ...rest } = await ending(await request(await addFleet(NEW, OLD)));
      expect(rest).toMatchObject({ status: 'FAILED', error: 'SyncNotSucceeded', verdict: 'EXPIRED' });
      expect(path).toEqual(expect.arrayContaining(['Approval', 'Remind', 'LastCall', 'Expired']));
    });

    test.each([
      ['', false],
      [', also when that cannot be done', true],
    ])(
      'reminds when three quarters of the time are over%s, and takes the decision that comes then',
      async (_, isMute) => {
        onTestFinished(unhurry);
        [hurried, mute] = [{ approvalSeconds: 1, lastSeconds: 120 }, isMute];
        const timeouts = { offlineSeconds: 3, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 600 };
        const sync = await request(await addFleet(NEW, OLD), { timeouts, notify: ['approver@example.org'] });
        await until(async () => (await pathSoFar(sync)).includes('LastCall') || undefined);
        expect(await world.store.head(keys.approvalReminded(sync))).toEqual(isMute ? undefined : expect.anything());
        await vote(sync, 'APPROVED');
        expect(await ending(sync)).toMatchObject({ status: 'SUCCEEDED', verdict: 'SUCCEEDED' });
      },
    );

    test('halts behind a wave that spends the error budget, and attempts no more', async () => {
      const fleet = await addFleet(NEW, OLD, OLD);
      const [, first] = fleet;
      const sync = await request(fleet, { waveSize: 1 });
      if (first !== undefined) first.misbehaviour = 'refuses';
      await vote(sync, 'APPROVED');
      const { path, ...rest } = await ending(sync);
      expect(rest).toMatchObject({ status: 'FAILED', error: 'SyncNotSucceeded', verdict: 'HALTED' });
      expect(rest.destinations).toEqual(['REFUSED', 'NOT_ATTEMPTED']);
      expect(path).toContain('Halted');
    });

    test('goes on without an agent whose heartbeat stops', async () => {
      const fleet = await addFleet(NEW, OLD, OLD);
      const [, lost] = fleet;
      const sync = await request(fleet, { errorBudget: 1 });
      if (lost !== undefined) lost.misbehaviour = 'silent-at-apply';
      await vote(sync, 'APPROVED');
      const { path, ...rest } = await ending(sync);
      expect(rest).toMatchObject({ status: 'FAILED', verdict: 'FAILED', destinations: ['OFFLINE', 'SUCCEEDED'] });
      expect(path).toContain('JudgeWave');
    });

    test('counts a destination that never answers as offline', async () => {
      const fleet = await addFleet(NEW, OLD, NEW);
      const [, silent] = fleet;
      if (silent !== undefined) silent.misbehaviour = 'silent';
      const { status, destinations } = await ending(await request(fleet));
      expect({ status, destinations }).toEqual({ status: 'FAILED', destinations: ['OFFLINE', 'IN_SYNC'] });
    });

    test.each(['inventory', 'plan', 'apply', 'report'])(
      'tries the function %s again when the store was away',
      async (name) => {
        const fleet = await addFleet(NEW, OLD);
        failNext = name;
        const sync = await request(fleet);
        await vote(sync, 'APPROVED');
        expect(await ending(sync)).toMatchObject({ status: 'SUCCEEDED', verdict: 'SUCCEEDED' });
        expect(failNext).toBeUndefined();
        expect(await world.store.head(keys.execution(sync))).toBeUndefined();
      },
    );
  });
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
}
