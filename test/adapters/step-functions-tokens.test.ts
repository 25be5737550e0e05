import { inspect } from 'node:util';
import { SFNClient } from '@aws-sdk/client-sfn';
import { describe, expect, test } from 'vitest';
import { StepFunctionsTokens } from '#adapters/step-functions-tokens.ts';
import { ServicePermanent, ServiceTransient, TaskTokenGone } from '#core/errors.ts';
import { type JsonAnswer, scriptedWire, serviceRefusal } from '#test/support/scripted-wire.ts';

const TOKEN = `AQC${'8aKk'.repeat(150)}==`;

function tokensOver(answer: (index: number) => JsonAnswer | Promise<JsonAnswer>, signal?: AbortSignal) {
  const { requests, settings } = scriptedWire((_, index) => answer(index));
  return { requests, tokens: new StepFunctionsTokens(new SFNClient(settings), signal) };
}

const CALLS = [
  ['succeed', (tokens: StepFunctionsTokens) => tokens.succeed(TOKEN, { outcome: 'SUCCEEDED' })],
  ['fail', (tokens: StepFunctionsTokens) => tokens.fail(TOKEN, { name: 'Interrupted', message: 'stopped' })],
  ['heartbeat', (tokens: StepFunctionsTokens) => tokens.heartbeat(TOKEN)],
] as const;

describe.each(CALLS)('StepFunctionsTokens, %s', (_, call) => {
  test.each(['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'])('takes %s for a token that is gone', async (type) => {
    const { requests, tokens } = tokensOver(() => serviceRefusal(400, type));
    await expect(call(tokens)).rejects.toThrow(TaskTokenGone);
    expect(requests).toHaveLength(1);
  });

  test.each([
    ['a throttling', () => serviceRefusal(400, 'ThrottlingException')],
    ['a 500', () => serviceRefusal(500, 'InternalError')],
    ['a 503', () => serviceRefusal(503, 'ServiceUnavailable')],
    ['a connection that failed', () => Promise.reject(Object.assign(new Error('socket'), { code: 'ECONNRESET' }))],
    ['a time-out', () => Promise.reject(Object.assign(new Error('slow'), { name: 'TimeoutError' }))],
  ])('tries again after %s, and calls it transient when that does not end', async (_title, answer) => {
    const once = tokensOver((index) => (index === 0 ? answer() : { status: 200, body: {} }));
    await call(once.tokens);
    expect(once.requests).toHaveLength(2);
    const always = tokensOver(answer);
    await expect(call(always.tokens)).rejects.toThrow(ServiceTransient);
  });

  test.each(['AccessDeniedException', 'InvalidOutput', 'KmsAccessDeniedException'])(
    'does not try again after %s',
    async (type) => {
      const { requests, tokens } = tokensOver(() => serviceRefusal(400, type));
      await expect(call(tokens)).rejects.toThrow(ServicePermanent);
      expect(requests).toHaveLength(1);
    },
  );

  test('shows no token, whatever the service says', async () => {
    const says = `1 validation error detected: Value '${TOKEN}' at 'taskToken' failed to satisfy constraint`;
    for (const type of ['ValidationException', 'InvalidToken', 'ThrottlingException']) {
      const { tokens } = tokensOver(() => serviceRefusal(400, type, says));
      const error: unknown = await call(tokens).catch((thrown: unknown) => thrown);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(TOKEN.slice(0, 40));
    }
  });

  test("ends with the signal's reason once that aborts", async () => {
    const abort = new AbortController();
    const reason = new Error('the function has no time left');
    const { tokens } = tokensOver(() => {
      abort.abort(reason);
      return serviceRefusal(500, 'InternalError');
    }, abort.signal);
    await expect(call(tokens)).rejects.toBe(reason);
  });
});

test('StepFunctionsTokens sends what was answered, and no more of an error than is taken', async () => {
  const { requests, tokens } = tokensOver(() => ({ status: 200, body: {} }));
  await tokens.succeed(TOKEN, { outcome: 'SUCCEEDED' });
  await tokens.fail(TOKEN, { name: 'N'.repeat(300), message: 'm'.repeat(40_000) });
  await tokens.heartbeat(TOKEN);
  expect(requests).toEqual([
    { operation: 'SendTaskSuccess', body: { taskToken: TOKEN, output: '{"outcome":"SUCCEEDED"}' } },
    { operation: 'SendTaskFailure', body: { taskToken: TOKEN, error: 'N'.repeat(256), cause: 'm'.repeat(32_768) } },
    { operation: 'SendTaskHeartbeat', body: { taskToken: TOKEN } },
  ]);
});
