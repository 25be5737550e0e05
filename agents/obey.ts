import { OrderRefused } from '#core/errors.ts';
import type { Order } from '#core/order.ts';
import { type FailureReceipt, RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import { type Signed, sign } from '#core/signed.ts';
import { sendKeptAnswer } from './answer.ts';
import { applyOrder } from './apply-order.ts';
import type { AgentContext } from './context.ts';
import { fetched, meteredStore, TransferMeter, type TransferMeters } from './metered-store.ts';
import { ProgressReporter } from './progress.ts';
import { removeWork } from './recover.ts';
import { takeInventory } from './take-inventory.ts';
import { rememberTransfer } from './transfer-rate.ts';

/** Does what the order says and answers it, once. Throws only when the signal ends the work or the agent's own disk fails. */
export async function obey(context: AgentContext, order: Order, signal: AbortSignal): Promise<void> {
  const startedAt = context.state.beginningOf(order, context.now());
  context.log('order-begun', { order: order.order, sequence: order.sequence, step: order.step });
  await context.state.begin(order, startedAt);
  const progress = new ProgressReporter({
    ...context,
    store: context.impatientStore,
    order,
    everyMilliseconds: context.progressMilliseconds,
  });
  const meters = { down: new TransferMeter(), up: new TransferMeter() };
  const metered = { ...context, store: meteredStore(context.store, meters) };
  let receipt: Signed<Receipt>;
  try {
    receipt = await perform({ context: metered, order, startedAt, progress, meters, signal });
  } finally {
    await progress.stop();
    await rememberTransfer(context.stateFolder, meters.down);
  }
  await answer(context, order, receipt, signal);
}

/** Answers an order that is ours but must not be begun. */
export async function refuse(
  context: AgentContext,
  order: Order,
  refusal: OrderRefused,
  signal: AbortSignal,
): Promise<void> {
  const receipt = failure(order, context.now(), context.now(), refusal);
  await answer(context, order, await sign(receipt, context.signer), signal);
}

/** What a step of the agent needs to do its order. */
export interface Work<O extends Order = Order> {
  readonly context: AgentContext;
  readonly order: O;
  readonly startedAt: Date;
  readonly progress: ProgressReporter;
  /** What the order has cost so far. */
  readonly meters: TransferMeters;
  readonly signal: AbortSignal;
}

async function perform({ context, order, ...rest }: Work): Promise<Signed<Receipt>> {
  try {
    switch (order.step) {
      case 'inventory':
        return await takeInventory({ context, order, ...rest });
      case 'apply':
        return await applyOrder({ context, order, ...rest });
    }
  } catch (error) {
    if (rest.signal.aborted) throw error;
    const receipt = failure(order, rest.startedAt, context.now(), error);
    return sign(order.step === 'apply' ? { ...receipt, ...fetched(rest.meters) } : receipt, context.signer);
  }
}

async function answer(
  context: AgentContext,
  order: Order,
  receipt: Signed<Receipt>,
  signal: AbortSignal,
): Promise<void> {
  await context.state.keepAnswer({ sequence: order.sequence, receipt });
  if (receipt.payload.outcome !== 'FAILED') await removeWork(context, order, receipt.payload);
  // The last words of an agent that was told to stop while it swapped.
  await sendKeptAnswer(context, signal.aborted ? AbortSignal.timeout(LAST_WORDS_MILLISECONDS) : signal);
}

function failure(order: Order, startedAt: Date, finishedAt: Date, error: unknown): FailureReceipt {
  const common: Omit<FailureReceipt, 'outcome'> = {
    format: RECEIPT_FORMAT,
    order: order.order,
    sync: order.sync,
    server: order.server,
    step: order.step,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    detail: (error as Error).message.slice(0, MAX_DETAIL),
  };
  if (error instanceof OrderRefused) return { ...common, outcome: 'REFUSED', reason: error.reason };
  return { ...common, outcome: 'FAILED', detail: `${common.detail}; nothing was changed on this server` };
}

const MAX_DETAIL = 3900;
const LAST_WORDS_MILLISECONDS = 5000;
