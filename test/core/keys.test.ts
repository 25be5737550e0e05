import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidDocument } from '#core/errors.ts';
import { keys, orderId, parseExecutionKey, parseOrderId, parseSignalKey } from '#core/keys.ts';
import { orderIdSchema } from '#core/order.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { createSyncId } from '#core/sync.ts';
import { DESTINATION, digest, SOURCE, SYNC } from './samples.ts';

const syncArbitrary = fc
  .tuple(fc.date({ min: new Date('2020-01-01'), max: new Date('2999-01-01'), noInvalidDate: true }), fc.nat())
  .map(([now, random]) => createSyncId(now, (random % 2 ** 20).toString(16).padStart(5, '0')));
const serverArbitrary = fc
  .stringMatching(/^[a-z0-9][a-z0-9_-]{0,62}\/[a-z0-9][a-z0-9_.-]{0,62}$/)
  .filter((id) => serverIdSchema.safeParse(id).success)
  .map((id) => id as ServerId);
const stepArbitrary = fc.constantFrom('inventory', 'apply');

describe('an order id', () => {
  test('is parsed as it was made, and fits an order', () => {
    fc.assert(
      fc.property(syncArbitrary, stepArbitrary, serverArbitrary, (sync, step, server) => {
        const order = orderId(sync, step, server);
        expect(parseOrderId(order)).toBe(order);
        expect(orderIdSchema.parse(order)).toBe(order);
      }),
    );
  });

  test('is another for another server', () => {
    fc.assert(
      fc.property(serverArbitrary, serverArbitrary, (one, other) => {
        expect(orderId(SYNC, 'apply', one) === orderId(SYNC, 'apply', other)).toBe(one === other);
      }),
    );
  });

  test.each(['', 'x', '../x', `${SYNC}-run-a.b`, `${SYNC}-apply-a/b`, `${SYNC}-apply-A.b`])('is not %j', (text) => {
    expect(() => parseOrderId(text)).toThrow(InvalidDocument);
  });
});

describe('a signal', () => {
  test('is read from the key of a receipt or of progress', () => {
    fc.assert(
      fc.property(syncArbitrary, stepArbitrary, serverArbitrary, (sync, step, server) => {
        const order = orderId(sync, step, server);
        expect(parseSignalKey(keys.receipt(server, order))).toEqual({ kind: 'receipt', server, order });
        expect(parseSignalKey(keys.progress(server, order))).toEqual({ kind: 'progress', server, order });
      }),
    );
  });

  test('is read from the key of a decision or of a cancellation', () => {
    expect(parseSignalKey(keys.decision(SYNC))).toEqual({ kind: 'decision', sync: SYNC });
    expect(parseSignalKey(keys.cancelled(SYNC))).toEqual({ kind: 'cancelled', sync: SYNC });
  });

  test('is not read from what an agent writes about the order of another server', () => {
    expect(parseSignalKey(keys.receipt(SOURCE, orderId(SYNC, 'apply', DESTINATION)))).toBeUndefined();
  });

  test.each([
    keys.fleet(),
    keys.status(DESTINATION),
    keys.currentOrder(DESTINATION),
    keys.manifest(DESTINATION, digest('m')),
    keys.plan(SYNC),
    keys.verdict(SYNC),
    keys.execution(SYNC),
    'servers/north/line-1/receipts/x.json',
    'servers/North/line-1/receipts/x.json',
    'syncs/x/decision.json',
    `x/${keys.decision(SYNC)}`,
    `${keys.decision(SYNC)}/x`,
    '',
  ])('is not read from %j', (key) => {
    expect(parseSignalKey(key)).toBeUndefined();
  });
});

test('the sync is read from the key of its execution, and from no other', () => {
  expect(parseExecutionKey(keys.execution(SYNC))).toBe(SYNC);
  for (const key of [keys.executions(), keys.plan(SYNC), 'executions/x.json'])
    expect(parseExecutionKey(key)).toBeUndefined();
});

test('orders sort by their sequence', () => {
  const sequences = [1, 2, 9, 10, 11, 99, 100, 12_345];
  const made = sequences.map((sequence) => keys.order(DESTINATION, sequence));
  expect(made.toSorted()).toEqual(made);
  expect(made[0]).toBe('servers/north/line-1/orders/0000000001.json');
});

test('what an agent writes lies below its own prefix', () => {
  const order = orderId(SYNC, 'apply', DESTINATION);
  const own = [
    keys.status(DESTINATION),
    keys.enrolment(DESTINATION),
    keys.progress(DESTINATION, order),
    keys.receipt(DESTINATION, order),
    keys.manifest(DESTINATION, digest('m')),
  ];
  expect(own.filter((key) => !key.startsWith(`servers/${DESTINATION}/`))).toEqual([]);
});
