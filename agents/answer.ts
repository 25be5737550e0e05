import { setTimeout } from 'node:timers/promises';
import { encodeDocument } from '#core/documents.ts';
import { StorePermanent, StorePrecondition, StoreTransient } from '#core/errors.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import type { AgentContext } from './context.ts';

/**
 * Sends the answer that is kept on disk, if there is one, and only then counts its order as done. Goes on trying while
 * the store is out of reach: without its answer no later order could be told apart from this one.
 */
export async function sendKeptAnswer(context: AgentContext, signal: AbortSignal): Promise<void> {
  const answer = await context.state.keptAnswer();
  if (answer === undefined) return;
  const { payload } = answer.receipt;
  while (
    !(await sendOnce(
      context,
      keys.receipt(payload.server, parseOrderId(payload.order)),
      encodeDocument(answer.receipt),
      signal,
    ))
  ) {
    await setTimeout(RETRY_MILLISECONDS, undefined, { signal });
  }
  await context.state.advance(answer.sequence);
  await context.state.dropAnswer();
  const detail = 'detail' in payload ? { detail: payload.detail } : {};
  context.log('order-answered', {
    order: payload.order,
    sequence: answer.sequence,
    outcome: payload.outcome,
    ...detail,
  });
}

async function sendOnce(
  { log, store }: AgentContext,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await store.create(key, bytes, { signal });
    return true;
  } catch (error) {
    // Sent before a kill.
    if (error instanceof StorePrecondition) return true;
    if (!(error instanceof StoreTransient || error instanceof StorePermanent)) throw error;
    log('receipt-not-sent', { problem: error.message });
    return false;
  }
}

const RETRY_MILLISECONDS = 10_000;
