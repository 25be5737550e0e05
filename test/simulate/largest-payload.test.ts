import { expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { PLAN_FORMAT, planDigest } from '#core/plan.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import { SYNC_FORMAT, type SyncRequest, syncIdSchema } from '#core/sync.ts';
import { loadDefinition, READ_ITEMS } from '#embedded/definition.ts';
import { Engine } from '#embedded/engine.ts';
import { EmbeddedTaskTokens } from '#embedded/task-tokens.ts';
import { approval } from '#functions/approval/approval.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { inventory } from '#functions/inventory/inventory.ts';
import { writeBatches } from '#functions/plan/batches.ts';
import { plan } from '#functions/plan/plan.ts';
import { report } from '#functions/report/report.ts';
import { signal } from '#functions/signal/signal.ts';
import { largestPayload as expectedPayload } from '#scale/limits.ts';
import { WorkflowCounter } from '#simulate/count-workflow.ts';
import { MemorySigner } from '#simulate/memory-signer.ts';

const SYNC = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
const DESTINATIONS = 10_000;
const MOST_BYTES = 262_144;
/** As long as ids of servers may well be. */
const SITE = 'a-plant-with-rather-a-long-name-in-the-country-of-long-names';

/**
 * Every state on the way to success is entered, with the real functions behind those whose payload could grow with the
 * fleet; what they do at one server, and its agent, is left out.
 */
it('carries far less than Step Functions takes, of a sync to ten thousand destinations in one wave', async () => {
  const store = new MemoryStore();
  const signer = new MemorySigner();
  const tokens = new EmbeddedTaskTokens();
  const counter = new WorkflowCounter(loadDefinition());
  const entered = new Set<string>();
  const request = requestOf(Array.from({ length: DESTINATIONS }, (_, number) => serverAt(number)));
  const dependencies = {
    ...{ store, signer, tokens, now: () => new Date(), log: () => undefined },
    notifier: { send: async () => undefined },
  };
  await store.create(keys.request(SYNC), encodeDocument(request));

  const engine = new Engine({
    definition: loadDefinition(),
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the names as the definition has them
    functions: {
      '${InventoryFunction}': async (event) =>
        (event as { step: string }).step === 'prepare' ? await inventory(dependencies, event) : await answer(event),
      '${PlanFunction}': planInBatches,
      '${ApprovalFunction}': async (event) => {
        await approval(dependencies, event);
        await approve();
      },
      '${ApplyFunction}': answer,
      '${ReportFunction}': (event) => report(dependencies, event),
      [READ_ITEMS]: async (event) => JSON.parse(await textOf((event as { Key: string }).Key)),
    },
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: -
    tokens,
    signal: new AbortController().signal,
    watch: () => () => undefined,
    observe: (event) => {
      counter.observe(event);
      if (event.type === 'StateEntered') entered.add(event.state.name);
    },
  });
  // Nobody was ordered to do anything, and the report says so.
  await expect(engine.run(SYNC)).rejects.toThrow('verdict says what happened at each destination');

  async function answer(event: unknown): Promise<void> {
    await tokens.succeed((event as { token: string }).token, { outcome: 'SUCCEEDED' });
  }

  /** What takes time is done before: the plan is there, once its batches were asked for. */
  async function planInBatches(event: unknown): Promise<unknown> {
    const { step } = event as { step: string };
    if (step === 'batch') return undefined;
    if (step === 'join') return await plan(dependencies, event);
    const batches = Array.from({ length: DESTINATIONS / 20 }, (_, index) => ({ first: index * 20, count: 20 }));
    await writeBatches(dependencies, SYNC, batches);
    await store.create(keys.plan(SYNC), encodeDocument(await sign(planOf(request), signer)));
    return { ...(await plan(dependencies, event)), next: 'divide' };
  }

  async function approve(): Promise<void> {
    const { digest } = planOf(request);
    const vote = { sync: SYNC, plan: digest, decision: 'APPROVED', by: 'approver', via: 'test' } as const;
    await castVote({ ...dependencies, controlKey: signer.publicKey }, vote);
    await signal(dependencies, keys.decision(SYNC));
  }

  async function textOf(key: string): Promise<string> {
    return Buffer.from((await store.get(key))?.body ?? '').toString();
  }

  const { executions, largestPayload, largestPayloadAt } = counter.counts();
  console.log(`largest payload of ${DESTINATIONS} destinations: ${largestPayload} bytes, the ${largestPayloadAt}`);
  const states = ['Inventory', 'PlanBatch', 'JoinPlan', 'Approval', 'Apply', 'JudgeWave', 'MoreWaves', 'Report'];
  expect(entered).toEqual(new Set([...entered, ...states]));
  expect(executions).toBe(1 + (DESTINATIONS + 1) + DESTINATIONS / 20 + DESTINATIONS);
  expect(largestPayload).toBe(expectedPayload(DESTINATIONS));
  expect(largestPayload).toBeLessThan(MOST_BYTES / 8);
}, 300_000);

function serverAt(number: number): ServerId {
  return serverIdSchema.parse(`${SITE}/server-with-rather-a-long-name-${number}`);
}

function requestOf(destinations: ServerId[]): SyncRequest {
  return {
    format: SYNC_FORMAT,
    sync: SYNC,
    requestedBy: 'requester',
    requestedAt: new Date().toISOString(),
    source: serverIdSchema.parse(`${SITE}/source`),
    destinations,
    policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: false },
    waveSize: DESTINATIONS,
    errorBudget: DESTINATIONS,
    timeouts: { offlineSeconds: 3600, inventorySeconds: 3600, applySeconds: 3600, approvalSeconds: 3600 },
    notify: ['approvers@example.org'],
  };
}

function planOf({ destinations, policy, requestedAt, requestedBy, source }: SyncRequest) {
  const none = { create: 0, update: 0, remove: 0, keep: 0 };
  const plan = {
    format: PLAN_FORMAT,
    sync: SYNC,
    createdAt: requestedAt,
    expiresAt: new Date(Date.parse(requestedAt) + 3_600_000).toISOString(),
    requestedBy,
    policy,
    source: {
      ...{ server: source, manifest: sha256('manifest'), artifacts: 1, bytes: 1, bytesUploaded: 1, protected: 0 },
      ...{ leftOut: 0, leftOutNotable: [] },
    },
    destinations: destinations.map((server) => ({
      ...({ outcome: 'changes', server, part: sha256(server), counts: { ...none, create: 1 }, bytes: 1 } as const),
      ...{ classes: {}, notable: [], protected: 0, unrecognised: 0 },
    })),
  };
  return { ...plan, digest: planDigest(plan) };
}
