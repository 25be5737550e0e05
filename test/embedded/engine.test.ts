import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreTransient } from '#core/errors.ts';
import { syncIdSchema } from '#core/sync.ts';
import { Engine } from '#embedded/engine.ts';
import { EmbeddedTaskTokens } from '#embedded/task-tokens.ts';

const SYNC = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');

/** One task that waits for a token for a day, and is tried again after transient trouble. */
const DEFINITION = {
  StartAt: 'Work',
  States: {
    Work: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
      Parameters: { FunctionName: 'work', Payload: { 'sync.$': '$.sync', 'token.$': '$$.Task.Token' } },
      TimeoutSeconds: 86_400,
      Retry: [{ ErrorEquals: ['StoreTransient'], IntervalSeconds: 1, MaxAttempts: 5, BackoffRate: 1 }],
      End: true,
    },
  },
};

let stopping: AbortController;
let tokens: EmbeddedTaskTokens;
let calls: string[];

beforeEach(() => {
  vi.useFakeTimers();
  stopping = new AbortController();
  tokens = new EmbeddedTaskTokens();
  calls = [];
});

afterEach(() => {
  vi.useRealTimers();
});

function engineOf(work: (token: string) => Promise<void>): Engine {
  const functions = {
    work: async (payload: unknown) => {
      const { token } = payload as { readonly token: string };
      calls.push(token);
      await work(token);
    },
  };
  return new Engine({
    definition: DEFINITION,
    functions,
    tokens,
    signal: stopping.signal,
    watch: () => () => undefined,
  });
}

function stop(): void {
  stopping.abort();
  tokens.abandonAll();
}

describe('the embedded engine', () => {
  it('gives every attempt a token of its own, and keeps no timer for one that failed', async () => {
    const engine = engineOf(async (token) => {
      if (calls.length < 3) throw new StoreTransient('key', 'busy');
      await tokens.succeed(token, 'done');
    });
    const execution = engine.run(SYNC);
    await vi.advanceTimersByTimeAsync(5_000);
    await execution;
    expect(new Set(calls).size).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('calls no function once it is stopped, and waits for those at work', async () => {
    const atWork = Promise.withResolvers<void>();
    const engine = engineOf(async () => {
      await atWork.promise;
      throw new StoreTransient('key', 'busy');
    });
    const execution = engine.run(SYNC);
    await vi.waitUntil(() => calls.length === 1);
    stop();
    await execution;
    let isSettled = false;
    const settled = engine.settled().then(() => {
      isSettled = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(isSettled).toBe(false);
    atWork.resolve();
    await settled;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
