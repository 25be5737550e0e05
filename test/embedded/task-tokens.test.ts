import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TaskTokenGone } from '#core/errors.ts';
import { EmbeddedTaskTokens } from '#embedded/task-tokens.ts';

let tokens: EmbeddedTaskTokens;

beforeEach(() => {
  vi.useFakeTimers();
  tokens = new EmbeddedTaskTokens();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('waiting for a task token', () => {
  it('ends with the answer, and leaves no timer', async () => {
    const answer = tokens.wait('one', { timeoutSeconds: 100, heartbeatSeconds: 10 });
    await tokens.succeed('one', { outcome: 'DONE' });
    expect(await answer).toEqual({ outcome: 'DONE' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends with the error by the name that the workflow catches', async () => {
    const answer = settled(tokens.wait('one', {}));
    await tokens.fail('one', { name: 'ApprovalRejected', message: 'rejected by somebody' });
    expect(await answer).toBe('ApprovalRejected: rejected by somebody');
  });

  it('ends when no sign of life came for the length of a heartbeat', async () => {
    const answer = settled(tokens.wait('one', { timeoutSeconds: 100, heartbeatSeconds: 10 }));
    await vi.advanceTimersByTimeAsync(9_999);
    await tokens.heartbeat('one');
    await vi.advanceTimersByTimeAsync(9_999);
    await tokens.heartbeat('one');
    expect(vi.getTimerCount()).toBe(2);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await answer).toBe('States.HeartbeatTimeout: no sign of life for 10 seconds');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends at its time limit, however lively the task is', async () => {
    const answer = settled(tokens.wait('one', { timeoutSeconds: 25, heartbeatSeconds: 10 }));
    for (let second = 0; second < 25; second += 5) {
      await tokens.heartbeat('one');
      await vi.advanceTimersByTimeAsync(5_000);
    }
    expect(await answer).toBe('States.Timeout: no answer within 25 seconds');
  });

  it('waits without end where there is no limit', async () => {
    const answer = tokens.wait('one', {});
    await vi.advanceTimersByTimeAsync(1e9);
    await tokens.succeed('one', 'late');
    expect(await answer).toBe('late');
  });

  it('takes one answer; later ones, and those that nobody waits for, are told so', async () => {
    const answer = tokens.wait('one', { heartbeatSeconds: 10 });
    await tokens.succeed('one', 'first');
    await answer;
    await expect(tokens.succeed('one', 'second')).rejects.toThrow(TaskTokenGone);
    await expect(tokens.heartbeat('one')).rejects.toThrow(TaskTokenGone);
    await expect(tokens.fail('never given', { name: 'x', message: 'y' })).rejects.toThrow(TaskTokenGone);
  });

  it('lets go of everybody, and of every timer, when the engine stops', async () => {
    const answers = ['one', 'two'].map((token) => settled(tokens.wait(token, { timeoutSeconds: 9 })));
    tokens.abandonAll();
    expect(await Promise.all(answers)).toEqual(['Interrupted: the engine stops', 'Interrupted: the engine stops']);
    expect(vi.getTimerCount()).toBe(0);
  });
});

async function settled(answer: Promise<unknown>): Promise<string> {
  return answer.then(String, String);
}
