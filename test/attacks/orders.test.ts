import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { encodeDocument } from '#core/documents.ts';
import { keys, orderId, parseOrderId } from '#core/keys.ts';
import { ORDER_FORMAT, type Order } from '#core/order.ts';
import { encodePart } from '#core/plan.ts';
import { serverIdSchema } from '#core/server.ts';
import { type Signed, sign } from '#core/signed.ts';
import { DESTINATION, type Planned, SOURCE } from '#test/agents/control.ts';
import { beginPair, type Pair, photograph } from '#test/agents/pair.ts';
import { testFolder } from '#test/agents/test-folder.ts';
import { createKeySigner } from '#test/support/key-signer.ts';

/** What only the control plane can write: the next order of the destination, its part in the store. */
async function applyOrderFor({ control }: Pair, planned: Planned, more: Partial<Order> = {}): Promise<Order> {
  const part = encodePart(planned);
  const { sync } = planned.header;
  await control.store.put(keys.part(sync, DESTINATION, part.digest), part.bytes);
  return {
    format: ORDER_FORMAT,
    order: orderId(sync, 'apply', DESTINATION),
    sync,
    server: DESTINATION,
    sequence: 2,
    issuedAt: new Date().toISOString(),
    expiresAt: new Date(Date.now() + 60_000).toISOString(),
    step: 'apply',
    plan: part.digest,
    part: part.digest,
    ...more,
  } as Order;
}

function show({ control }: Pair, document: unknown): Promise<unknown> {
  return control.store.put(keys.currentOrder(DESTINATION), encodeDocument(document));
}

async function logged({ agent }: Pair, fields: object): Promise<void> {
  const isIt = (event: object) => Object.entries(fields).every(([key, value]) => Reflect.get(event, key) === value);
  while (!agent.events.some(isIt)) await sleep(2);
}

describe('an agent does nothing, says so in its log, and goes on to obey what is right, when it finds', () => {
  async function expectIgnored(
    reason: string,
    forge: (order: Order, pair: Pair) => Promise<Signed<Order>> | unknown,
  ): Promise<void> {
    const pair = beginPair();
    const planned = await pair.control.plan();
    const before = photograph(pair.destination);
    const order = await applyOrderFor(pair, planned);
    await show(pair, await forge(order, pair));
    await logged(pair, { event: 'order-ignored', ...(reason !== '' && { reason }) });
    expect(await pair.control.store.get(keys.receipt(DESTINATION, parseOrderId(order.order)))).toBeUndefined();
    expect(photograph(pair.destination)).toEqual(before);
    const good = await pair.control.order(DESTINATION, { step: 'inventory', snapshot: false, sequence: 9 });
    expect(await pair.control.receipt(good)).toMatchObject({ outcome: 'DONE' });
  }

  it('an order signed by an unknown key', () =>
    expectIgnored('BAD_SIGNATURE', (order) => sign(order, createKeySigner())));

  it('an order signed by an unknown key that gives the name of the right one', () =>
    expectIgnored('BAD_SIGNATURE', async (order, { control }) => {
      const { payload, signature } = await sign(order, createKeySigner());
      return { payload, signature: { ...signature, keyId: control.signer.keyId } };
    }));

  it('an order signed by the agent itself', async () => {
    const signer = createKeySigner();
    const pair = beginPair(undefined, undefined, { agent: { signer } });
    const order = await applyOrderFor(pair, await pair.control.plan());
    const before = photograph(pair.destination);
    await show(pair, await sign(order, signer));
    await logged(pair, { event: 'order-ignored', reason: 'BAD_SIGNATURE' });
    expect(photograph(pair.destination)).toEqual(before);
  });

  it('an order that is not signed', () => expectIgnored('', (order) => order));

  it('an order with an empty signature', () =>
    expectIgnored('BAD_SIGNATURE', (payload, { control }) => ({
      payload,
      signature: { keyId: control.signer.keyId, value: '' },
    })));

  it('an order with the signature of another order', () =>
    expectIgnored('BAD_SIGNATURE', async (payload, { control }) => {
      const { signature } = await sign({ ...payload, sequence: 3 }, control.signer);
      return { payload, signature };
    }));

  it('an order with one byte of its signature changed', () =>
    expectIgnored('BAD_SIGNATURE', async (order, { control }) => {
      const { payload, signature } = await sign(order, control.signer);
      const value = Buffer.from(signature.value, 'base64');
      value[20] = (value[20] ?? 0) ^ 1;
      return { payload, signature: { ...signature, value: value.toString('base64') } };
    }));

  it.each<[string, Partial<Order>]>([
    ['its sequence', { sequence: 3 }],
    ['its expiry', { expiresAt: '2999-01-01T00:00:00.000Z' }],
    ['its part', { part: '0'.repeat(64) } as Partial<Order>],
  ])('an order of which somebody changed %s', (_, change) =>
    expectIgnored('BAD_SIGNATURE', async (order, { control }) => {
      const { payload, signature } = await sign(order, control.signer);
      return { payload: { ...payload, ...change }, signature };
    }),
  );

  it('an order for another server', () =>
    expectIgnored('WRONG_SERVER', (order, { control }) =>
      sign({ ...order, server: serverIdSchema.parse('some/other') }, control.signer),
    ));

  it('an order of the source, put where its own orders are', () =>
    expectIgnored('WRONG_SERVER', async (_, { control }) => {
      const current = await control.store.get(keys.currentOrder(SOURCE));
      return JSON.parse(Buffer.from(current?.body ?? []).toString());
    }));

  it('another document that the control plane signed', () =>
    expectIgnored('', (order, { control }) => sign({ ...order, format: 'lockstep-plan/1' }, control.signer)));

  it('an order with a command in it that no order has', () =>
    expectIgnored('', (order, { control }) => sign({ ...order, run: 'rm -rf /' } as never, control.signer)));

  it('an order whose id climbs out of its folder of receipts', () =>
    expectIgnored('', (order, { control }) => sign({ ...order, order: '../../../stolen' } as Order, control.signer)));
});

describe('an order replayed', () => {
  it('is not obeyed again by the agent that has obeyed it, nor after its restart', async () => {
    const signer = createKeySigner();
    const stateFolder = testFolder();
    const pair = beginPair(undefined, undefined, { agent: { signer, stateFolder } });
    const planned = await pair.control.plan();
    expect(await pair.control.apply(planned)).toMatchObject({ outcome: 'SUCCEEDED' });
    const replayed = await pair.control.store.get(keys.currentOrder(DESTINATION));
    const later = await pair.control.order(DESTINATION, { step: 'inventory', snapshot: false });
    await pair.control.receipt(later);
    rmSync(join(pair.destination, 'a.ini'));
    const before = photograph(pair.destination);
    await pair.control.store.put(keys.currentOrder(DESTINATION), replayed?.body ?? new Uint8Array());
    await logged(pair, { event: 'order-ignored', reason: 'REPLAYED' });
    await pair.agent.stop();
    const again = pair.control.start(DESTINATION, pair.destination, { signer, stateFolder });
    await logged({ ...pair, agent: again }, { event: 'order-ignored', reason: 'REPLAYED' });
    expect(photograph(pair.destination)).toEqual(before);
  });

  it('is not obeyed again by an agent that has lost its memory', async () => {
    const signer = createKeySigner();
    const pair = beginPair(undefined, undefined, { agent: { signer } });
    const before = await pair.control.plan();
    expect(await pair.control.apply(before)).toMatchObject({ outcome: 'SUCCEEDED' });
    await pair.agent.stop();
    const after = photograph(pair.destination);
    const again = pair.control.start(DESTINATION, pair.destination, { signer });
    await logged({ ...pair, agent: again }, { event: 'order-done-before' });
    expect(photograph(pair.destination)).toEqual(after);
  });

  it('in an agent without memory, with its receipt taken away, finds the state that it was made for gone', async () => {
    const signer = createKeySigner();
    const pair = beginPair(undefined, undefined, { agent: { signer } });
    const planned = await pair.control.plan();
    const order = await pair.control.orderApply(planned);
    expect(await pair.control.receipt(order)).toMatchObject({ outcome: 'SUCCEEDED' });
    await pair.agent.stop();
    const after = photograph(pair.destination);
    await pair.control.store.delete(keys.receipt(DESTINATION, parseOrderId(order.order)));
    pair.control.start(DESTINATION, pair.destination, { signer });
    expect(await pair.control.receipt(order)).toMatchObject({ outcome: 'REFUSED', reason: 'STALE_PLAN' });
    expect(photograph(pair.destination)).toEqual(after);
  });
});

it('an order that is shown only after it has expired is refused with a receipt', async () => {
  const pair = beginPair();
  const planned = await pair.control.plan();
  const before = photograph(pair.destination);
  const receipt = await pair.control.apply(planned, { expiresAt: new Date(Date.now() - 1000).toISOString() });
  expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'EXPIRED', detail: expect.stringContaining('clock') });
  expect(photograph(pair.destination)).toEqual(before);
});

it('orders in a wrong order, between two that are right, are passed over', async () => {
  const pair = beginPair();
  const planned = await pair.control.plan();
  const before = photograph(pair.destination);
  // Where the second should be lies the first again, validly signed.
  const first = await pair.control.store.get(keys.order(DESTINATION, 1));
  await pair.control.store.put(keys.order(DESTINATION, 2), first?.body ?? new Uint8Array());
  const order = await applyOrderFor(pair, planned, {
    sequence: 3,
    expiresAt: new Date(Date.now() - 1000).toISOString(),
  });
  await show(pair, await sign(order, pair.control.signer));
  expect(await pair.control.receipt(order)).toMatchObject({ outcome: 'REFUSED', reason: 'EXPIRED' });
  await logged(pair, { event: 'order-missing', sequence: 2 });
  expect(photograph(pair.destination)).toEqual(before);
});

it('an order that a forger has marked as withdrawn is refused: what is forged is never more than a stop', async () => {
  const pair = beginPair();
  const planned = await pair.control.plan();
  const before = photograph(pair.destination);
  const id = orderId(planned.header.sync, 'apply', DESTINATION);
  await pair.control.store.put(keys.withdrawn(DESTINATION, id), Buffer.from('{"forged":true}'));
  expect(await pair.control.apply(planned)).toMatchObject({ outcome: 'REFUSED', reason: 'WITHDRAWN' });
  expect(photograph(pair.destination)).toEqual(before);
});
