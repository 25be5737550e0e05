import { setTimeout } from 'node:timers/promises';
import { encodeDocument, MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { BadInput, InvalidDocument, OrderRefused } from '#core/errors.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import { assertObeyable, type Order, signedOrderSchema } from '#core/order.ts';
import { type AgentStatus, STATUS_FORMAT } from '#core/receipt.ts';
import { type Signed, sign } from '#core/signed.ts';
import { sendKeptAnswer } from './answer.ts';
import { assertAwaited } from './assert-awaited.ts';
import type { AgentContext } from './context.ts';
import { together } from './in-parallel.ts';
import { obey, refuse } from './obey.ts';
import { assertReadable, recoverApplies, removeLeftovers } from './recover.ts';
import { StoreView } from './store-view.ts';
import { AGENT_VERSION } from './version.ts';

/** Polls and obeys until the signal; reports what fails and goes on. */
export async function followOrders(context: AgentContext, signal: AbortSignal): Promise<void> {
  const view = await StoreView.open(context);
  let seen = context.state.settledEtag;
  let statusDue = 0;
  let hasFailed = false;
  while (!signal.aborted) {
    try {
      if (hasFailed) await settleAsAtStart(context, signal);
      hasFailed = false;
      // At the same time, for the one is no reason to wait for the other; a round ends when both have ended.
      const [polled, written] = await Promise.allSettled([
        poll(context, { seen, view, signal }),
        Date.now() >= statusDue ? writeStatus(context, view, signal) : undefined,
      ]);
      if (polled.status === 'rejected') throw polled.reason;
      seen = polled.value;
      if (written.status === 'rejected') throw written.reason;
      if (written.value !== undefined) statusDue = written.value + context.statusMilliseconds;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof BadInput) throw error;
      hasFailed = true;
      context.log('cycle-failed', { problem: (error as Error).message });
    }
    await (context.pause ?? pause)(context.pollMilliseconds, signal);
  }
}

/** An apply may have been cut off by the error as by a kill, and its answer may lie here unsent: never to be obeyed twice. */
async function settleAsAtStart(context: AgentContext, signal: AbortSignal): Promise<void> {
  assertReadable(await recoverApplies(context));
  await sendKeptAnswer(context, signal);
}

interface Look {
  /** The etag of an order that needs no further look. */
  readonly seen: string;
  readonly view: StoreView;
  readonly signal: AbortSignal;
}

/** The etag of the current order once it needs no further look. */
async function poll(context: AgentContext, { seen, signal, view }: Look): Promise<string> {
  const { log, server, state, store } = context;
  const key = keys.currentOrder(server);
  const current = seen === '' ? await store.get(key, { signal }) : await store.getIfChanged(key, seen, { signal });
  if (current === 'not-modified') {
    view.showedNothingNew();
    await removeLeftovers(context);
    return seen;
  }
  const newest = current === undefined ? undefined : parseOrder(context, key, current.body);
  await view.showed(newest);
  if (newest === undefined || !isOurs(context, newest)) {
    await removeLeftovers(context);
    return current?.etag ?? '';
  }
  const { issuedAt, sequence: newestSequence } = newest.payload;
  if (current !== undefined) state.noteNewest({ sequence: newestSequence, etag: current.etag, issuedAt });
  for (let sequence = state.lastSequence + 1; sequence < newest.payload.sequence; sequence++) {
    const between = await store.get(keys.order(server, sequence), { signal });
    const order = between === undefined ? undefined : parseOrder(context, keys.order(server, sequence), between.body);
    if (order?.payload.sequence === sequence && isOurs(context, order)) await follow(context, order, signal);
    else log('order-missing', { sequence });
    signal.throwIfAborted();
  }
  await follow(context, newest, signal);
  return state.lastSequence >= newest.payload.sequence ? (current?.etag ?? '') : seen;
}

async function follow(context: AgentContext, order: Signed<Order>, signal: AbortSignal): Promise<void> {
  const { log, state } = context;
  const { payload } = order;
  const [isAnswered, withdrawal] = await together(
    wasAnswered(context, payload, signal),
    findWithdrawal(context, payload, signal),
  );
  if (isAnswered) {
    log('order-done-before', { order: payload.order });
    await state.advance(payload.sequence);
    return;
  }
  try {
    assertObeyable(order, {
      ...context,
      lastSequence: state.lastSequence,
      now: state.beginningOf(payload, context.now()),
    });
    if (withdrawal !== undefined) throw withdrawal;
  } catch (error) {
    if (!(error instanceof OrderRefused)) throw error;
    await refuse(context, payload, error, signal);
    return;
  }
  await obey(context, payload, signal);
}

async function wasAnswered(context: AgentContext, order: Order, signal: AbortSignal): Promise<boolean> {
  if (!mayBeAnswered(context, order)) return false;
  const key = keys.receipt(order.server, parseOrderId(order.order));
  return (await context.store.head(key, { signal })) !== undefined;
}

async function findWithdrawal(
  context: AgentContext,
  order: Order,
  signal: AbortSignal,
): Promise<OrderRefused | undefined> {
  try {
    await assertAwaited(context, order, signal);
    return undefined;
  } catch (error) {
    if (error instanceof OrderRefused) return error;
    throw error;
  }
}

/**
 * Only an agent that has lost its memory meets an order that it has answered. An apply is looked up whatever it
 * remembers; to take stock once more does no harm, and only the first answer counts.
 */
function mayBeAnswered({ state }: AgentContext, order: Order): boolean {
  return order.step === 'apply' || state.lastSequence === 0;
}

/** Signed for this server and not yet answered; whoever else wrote it gets no answer. */
function isOurs(context: AgentContext, order: Signed<Order>): boolean {
  const { controlKey, log, server, state } = context;
  try {
    // Whether it is late is another question: a late order is refused with a receipt.
    assertObeyable(order, { server, controlKey, lastSequence: state.lastSequence, now: new Date(0) });
    return true;
  } catch (error) {
    if (!(error instanceof OrderRefused)) throw error;
    const isAnswered = error.reason === 'REPLAYED' && order.payload.sequence === state.lastSequence;
    if (!isAnswered) log('order-ignored', { order: order.payload.order, reason: error.reason, problem: error.message });
    return false;
  }
}

function parseOrder({ log }: AgentContext, key: string, bytes: Uint8Array): Signed<Order> | undefined {
  try {
    const order = parseDocument(key, signedOrderSchema, bytes, MAX_SIGNED_BYTES);
    parseOrderId(order.payload.order);
    return order;
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    log('order-ignored', { problem: error.message });
    return undefined;
  }
}

/** When it was begun. Signed, for whoever freezes a store may well bend what is written to it. */
async function writeStatus(context: AgentContext, view: StoreView, signal: AbortSignal): Promise<number> {
  const { impatientStore, now, server, signer, state } = context;
  const begun = Date.now();
  const status: AgentStatus = {
    format: STATUS_FORMAT,
    server,
    seenAt: now().toISOString(),
    agent: AGENT_VERSION,
    lastSequence: state.lastSequence,
    ...(state.manifest === undefined ? {} : { manifest: state.manifest }),
    ...view.describe(),
  };
  const written = encodeDocument(await sign(status, signer));
  await impatientStore.put(keys.status(server), written, { signal });
  if (view.isReadBackDue)
    await view.readBack(written, (await impatientStore.get(keys.status(server), { signal }))?.body);
  return begun;
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
