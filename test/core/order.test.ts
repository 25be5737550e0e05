import { describe, expect, test } from 'vitest';
import { OrderRefused, type RefusalReason } from '#core/errors.ts';
import { orderId } from '#core/keys.ts';
import {
  type ApplyOrder,
  assertObeyable,
  assertPartBelongsTo,
  type ObedienceContext,
  type Order,
  signedOrderSchema,
} from '#core/order.ts';
import { sign } from '#core/signed.ts';
import { createTestSigner, DESTINATION, digest, OTHER_SYNC, PART_HEADER, SOURCE, SYNC } from './samples.ts';

const control = createTestSigner();
const order: ApplyOrder = {
  format: 'lockstep-order/1',
  order: orderId(SYNC, 'apply', DESTINATION),
  sync: SYNC,
  server: DESTINATION,
  sequence: 8,
  issuedAt: '2026-01-02T03:04:05Z',
  expiresAt: '2026-01-02T03:05:05Z',
  step: 'apply',
  plan: digest('plan'),
  part: digest('part'),
};
const context: ObedienceContext = {
  server: DESTINATION,
  controlKey: control.publicKey,
  lastSequence: 7,
  now: new Date('2026-01-02T03:05:04.999Z'),
};

describe('an agent', () => {
  test('obeys an order that is signed, its own, new and in time', async () => {
    const signed = await sign<Order>(order, control);
    expect(() => assertObeyable(signed, context)).not.toThrow();
  });

  test('refuses an order that another key signed', async () => {
    const signed = await sign<Order>(order, createTestSigner());
    expect(refusal(() => assertObeyable(signed, context))).toBe('BAD_SIGNATURE');
  });

  test('refuses an order that was changed after it was signed', async () => {
    const signed = await sign<Order>(order, control);
    const changed = { ...signed, payload: { ...order, sequence: 9 } };
    expect(refusal(() => assertObeyable(changed, context))).toBe('BAD_SIGNATURE');
  });

  test.each<[string, Partial<ObedienceContext>, RefusalReason]>([
    ['for another server', { server: SOURCE }, 'WRONG_SERVER'],
    ['that it has obeyed before', { lastSequence: 8 }, 'REPLAYED'],
    ['older than one it has obeyed', { lastSequence: 9 }, 'REPLAYED'],
    ['in the moment that it expires', { now: new Date('2026-01-02T03:05:05Z') }, 'EXPIRED'],
  ])('refuses an order %s', async (_, change, reason) => {
    const signed = await sign<Order>(order, control);
    expect(refusal(() => assertObeyable(signed, { ...context, ...change }))).toBe(reason);
  });

  test('names a bad signature before anything that a forged order says', async () => {
    const signed = await sign<Order>({ ...order, server: SOURCE, sequence: 1 }, createTestSigner());
    expect(refusal(() => assertObeyable(signed, context))).toBe('BAD_SIGNATURE');
  });

  test('refuses the part of another server or another sync', () => {
    const partOf = (change: Partial<typeof PART_HEADER>) => ({ header: { ...PART_HEADER, ...change }, operations: [] });
    expect(() => assertPartBelongsTo(order, partOf({}))).not.toThrow();
    expect(refusal(() => assertPartBelongsTo(order, partOf({ server: SOURCE })))).toBe('WRONG_PLAN');
    expect(refusal(() => assertPartBelongsTo(order, partOf({ sync: OTHER_SYNC })))).toBe('WRONG_PLAN');
  });
});

describe('an order from the store', () => {
  test.each<[string, Record<string, unknown>]>([
    ['with an unknown field', { command: 'x' }],
    ['with an unknown step', { step: 'run' }],
    ['without a plan', { plan: undefined }],
    ['with a sequence that is not a number', { sequence: '8' }],
    ['with an expiry that is not a time', { expiresAt: 'never' }],
    ['with an id that is a path', { order: '../../x' }],
    ['of another format', { format: 'lockstep-order/2' }],
  ])('is refused %s', async (_, change) => {
    const signed = await sign<Order>(order, control);
    expect(signedOrderSchema.safeParse(signed).success).toBe(true);
    const changed = { ...signed, payload: { ...order, ...change } };
    expect(signedOrderSchema.safeParse(changed).success).toBe(false);
  });
});

function refusal(act: () => void): RefusalReason | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof OrderRefused) return error.reason;
    throw error;
  }
  return undefined;
}
