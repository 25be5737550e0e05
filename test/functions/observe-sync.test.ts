import { expect, test } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { DECISION_FORMAT, VOTE_FORMAT } from '#core/approval.ts';
import { encodeDocument } from '#core/documents.ts';
import { InvalidDocument, StoreTransient } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import type { Plan } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { CONTROL_KEY_FORMAT, PROGRESS_FORMAT, type Progress, RECEIPT_FORMAT } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import { SYNC_FORMAT, type SyncRequest } from '#core/sync.ts';
import { VERDICT_FORMAT } from '#core/verdict.ts';
import { lookAtSync, observeSync, type SyncPhase } from '#functions/observe/observe-sync.ts';
import {
  createTestSigner,
  DESTINATION,
  digest,
  OTHER_SYNC,
  POLICY,
  SOURCE,
  SYNC,
  samplePlan,
} from '#test/core/samples.ts';

test('follows a sync from its inventory to its verdict', async () => {
  const scene = await stage();
  const phases: SyncPhase[] = [];
  const steps = [
    () => scene.refuse(SOURCE, 'inventory'),
    () => scene.refuse(DESTINATION, 'inventory'),
    () => scene.publishPlan(samplePlan()),
    () => scene.askForApproval(),
    () => scene.approve(),
    () => scene.reportProgress(DESTINATION, 'apply'),
    () => scene.end(),
  ];
  for await (const view of observeSync(scene.store, SYNC, { signal: NEVER, pollMilliseconds: 1 })) {
    phases.push(view.phase);
    await steps.shift()?.();
  }
  expect(phases).toEqual([
    'inventory',
    'inventory',
    'planning',
    'planning',
    'approval',
    'applying',
    'applying',
    'done',
  ]);
});

test('shows what each agent says of its order', async () => {
  const scene = await stage();
  await scene.reportProgress(SOURCE, 'inventory');
  const { servers } = await scene.look();
  expect(servers.map(({ server, progress }) => [server, progress?.bytesDone])).toEqual([
    [SOURCE, 40],
    [DESTINATION, undefined],
  ]);
});

test.each([
  ['is not JSON', Buffer.from('{')],
  ['has fields that nobody knows', encodeDocument({ payload: { surprise: true } })],
  ['is too large', Buffer.alloc(65 * 1024 * 1024)],
])('takes a progress that %s for none, and goes on', async (_what, bytes) => {
  const scene = await stage();
  await scene.store.put(keys.progress(SOURCE, orderId(SYNC, 'inventory', SOURCE)), bytes);
  await scene.reportProgress(DESTINATION, 'inventory');
  const { servers } = await scene.look();
  expect(servers.map(({ progress }) => progress?.bytesDone)).toEqual([undefined, 40]);
});

test('takes the word of one server about another for none', async () => {
  const scene = await stage();
  const stolen = await sign(progressOf(DESTINATION, 'inventory'), createTestSigner());
  await scene.store.put(keys.progress(SOURCE, orderId(SYNC, 'inventory', SOURCE)), encodeDocument(stolen));
  expect((await scene.look()).servers[0]?.progress).toBeUndefined();
});

test('refuses a plan that another key has signed', async () => {
  const scene = await stage();
  await scene.publishPlan(samplePlan(), createTestSigner());
  await expect(scene.look()).rejects.toThrow(InvalidDocument);
});

test('trusts the pinned key, whatever key the store names now', async () => {
  const scene = await stage();
  const intruder = createTestSigner();
  await scene.publishPlan(samplePlan(), intruder);
  await scene.nameControlKey(intruder.publicKey);
  await expect(scene.look(scene.signer.publicKey)).rejects.toThrow(InvalidDocument);
});

test('does not take a plan for a dry run as waiting for approval', async () => {
  const scene = await stage();
  await scene.publishPlan(samplePlan({ policy: { ...POLICY, dryRun: true } }));
  await scene.askForApproval();
  expect((await scene.look()).phase).toBe('planning');
});

test('says that there is no such sync', async () => {
  const { store } = await stage();
  await expect(lookAtSync(store, OTHER_SYNC, { signal: NEVER })).rejects.toThrow(`there is no sync ${OTHER_SYNC}`);
});

test('outlasts a store that does not answer for a while', async () => {
  const scene = await stage();
  await scene.end();
  const flaky = failing(scene.store, 5);
  const views = [];
  for await (const view of observeSync(flaky, SYNC, { signal: NEVER, pollMilliseconds: 1 })) views.push(view.phase);
  expect(views).toEqual(['done']);
});

test('stops with the reason of its signal', async () => {
  const { store } = await stage();
  const stopping = new AbortController();
  const views = observeSync(store, SYNC, { signal: stopping.signal, pollMilliseconds: 60_000 });
  await views.next();
  const next = views.next();
  stopping.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
});

const NEVER = new AbortController().signal;
const TIME = '2026-01-02T03:04:05Z';

/** A sync that was just requested, and the documents that move it on. */
async function stage() {
  const store = new MemoryStore();
  const signer = createTestSigner();
  const put = (key: string, value: unknown) => store.put(key, encodeDocument(value));
  const nameControlKey = (publicKey: string) => put(keys.controlKey(), { format: CONTROL_KEY_FORMAT, publicKey });
  await nameControlKey(signer.publicKey);
  await put(keys.request(SYNC), REQUEST);
  const plan = samplePlan();
  return {
    store,
    signer,
    nameControlKey,
    look: (controlKey?: string) => lookAtSync(store, SYNC, { signal: NEVER, controlKey }),
    publishPlan: async (made: Plan, by = signer) => put(keys.plan(SYNC), await sign(made, by)),
    askForApproval: () => put(keys.approvalRequested(SYNC), { plan: plan.digest }),
    approve: () => put(keys.decision(SYNC), decisionOn(plan)),
    reportProgress: async (server: ServerId, step: 'inventory' | 'apply') =>
      put(keys.progress(server, orderId(SYNC, step, server)), await sign(progressOf(server, step), signer)),
    refuse: async (server: ServerId, step: 'inventory' | 'apply') => {
      const order = orderId(SYNC, step, server);
      const receipt = {
        format: RECEIPT_FORMAT,
        order,
        sync: SYNC,
        server,
        startedAt: TIME,
        finishedAt: TIME,
        step,
      } as const;
      await put(keys.receipt(server, order), await sign({ ...receipt, outcome: 'REFUSED', detail: 'no' }, signer));
    },
    end: () => put(keys.verdict(SYNC), VERDICT),
  };
}

function progressOf(server: ServerId, step: 'inventory' | 'apply'): Progress {
  const counts = { filesDone: 1, filesTotal: 2, bytesDone: 40, bytesTotal: 80 };
  return {
    format: PROGRESS_FORMAT,
    order: orderId(SYNC, step, server),
    server,
    at: TIME,
    stage: 'scanning',
    ...counts,
  };
}

function decisionOn(plan: Plan) {
  const vote = {
    format: VOTE_FORMAT,
    sync: SYNC,
    plan: plan.digest,
    decision: 'APPROVED',
    by: 'approver',
    via: 'terminal',
    at: TIME,
  };
  return { format: DECISION_FORMAT, sync: SYNC, plan: plan.digest, decision: 'APPROVED', votes: [vote] };
}

function failing(store: ObjectStore, times: number): ObjectStore {
  let left = times;
  return new Proxy(store, {
    get: (target, name: keyof ObjectStore) => {
      const member = target[name];
      if (name !== 'get' || typeof member !== 'function')
        return typeof member === 'function' ? member.bind(target) : member;
      return async (key: string) => {
        if (left-- > 0) throw new StoreTransient(key, 'out for a moment');
        return target.get(key);
      };
    },
  });
}

const REQUEST: SyncRequest = {
  format: SYNC_FORMAT,
  sync: SYNC,
  requestedBy: 'requester',
  requestedAt: TIME,
  source: SOURCE,
  destinations: [DESTINATION],
  policy: POLICY,
  waveSize: 1,
  errorBudget: 0,
  timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
  notify: [],
};

const VERDICT = {
  format: VERDICT_FORMAT,
  sync: SYNC,
  verdict: 'IN_SYNC',
  plan: digest('plan'),
  mode: 'overwrite',
  source: { server: SOURCE, manifest: null, artifacts: 0, bytes: 0, bytesUploaded: 0 },
  destinations: [],
  startedAt: TIME,
  finishedAt: TIME,
};
