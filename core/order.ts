import * as z from 'zod';
import { sha256Schema } from './digest.ts';
import { OrderRefused } from './errors.ts';
import type { PlanPart } from './plan.ts';
import { PRODUCT_VERSION } from './product-version.ts';
import { type ServerId, serverIdSchema } from './server.ts';
import { isSignedBy, type Signed, signedSchema } from './signed.ts';
import { syncIdSchema, syncPolicySchema } from './sync.ts';

export const ORDER_FORMAT = 'lockstep-order/1';

export const orderIdSchema = z.string().regex(/^[a-zA-Z0-9_.-]{1,200}$/);

const commonFields = {
  format: z.literal(ORDER_FORMAT),
  /** core/keys.ts `orderId`. */
  order: orderIdSchema,
  sync: syncIdSchema,
  server: serverIdSchema,
  /** Grows by one for each order to this server. */
  sequence: z.int().positive(),
  issuedAt: z.iso.datetime(),
  /** An agent that first sees the order later refuses it: by then it counts as offline. */
  expiresAt: z.iso.datetime(),
};

export const orderSchema = z.discriminatedUnion('step', [
  z.strictObject({
    ...commonFields,
    step: z.literal('inventory'),
    /** Whether to upload what the store lacks, too. */
    snapshot: z.boolean(),
    /** Whether to read every file, whatever is remembered of it. */
    full: z.literal(true).optional(),
  }),
  z.strictObject({
    ...commonFields,
    step: z.literal('apply'),
    plan: sha256Schema,
    part: sha256Schema,
    /** The share that was asked for: core/removals.ts. */
    maxRemovalPercent: z.int().min(0).max(100).optional(),
    /** What was asked for allows: core/site-guards.ts. */
    allowShrink: z.literal(true).optional(),
    allowVanished: syncPolicySchema.shape.allowVanished,
    allowDowngrade: z.literal(true).optional(),
    /** Of the product that the profile names, where the source says one. */
    sourceVersion: z.string().regex(PRODUCT_VERSION).optional(),
    /** Of this part, by the approval. */
    acknowledgedRemovals: z.int().nonnegative().optional(),
  }),
]);

/** Signed instruction to one agent. */
export type Order = z.infer<typeof orderSchema>;
export type InventoryOrder = Extract<Order, { readonly step: 'inventory' }>;
export type ApplyOrder = Extract<Order, { readonly step: 'apply' }>;

export const signedOrderSchema: z.ZodType<Signed<Order>> = signedSchema(orderSchema);

/** What an agent knows when it looks at an order. */
export interface ObedienceContext {
  readonly server: ServerId;
  readonly controlKey: string;
  readonly lastSequence: number;
  readonly now: Date;
}

/** Throws OrderRefused with the first rule that the order breaks. */
export function assertObeyable(signed: Signed<Order>, context: ObedienceContext): void {
  const order = signed.payload;
  if (!isSignedBy(signed, context.controlKey)) {
    throw new OrderRefused(
      'BAD_SIGNATURE',
      'the order is not signed by the control plane that this agent is enrolled with',
    );
  }
  if (order.server !== context.server) {
    throw new OrderRefused('WRONG_SERVER', `the order is for ${order.server}, this is ${context.server}`);
  }
  if (order.sequence <= context.lastSequence) {
    throw new OrderRefused('REPLAYED', `order ${order.sequence} came after order ${context.lastSequence}`);
  }
  if (Date.parse(order.expiresAt) <= context.now.getTime()) {
    throw new OrderRefused(
      'EXPIRED',
      `the order was to be begun before ${order.expiresAt}; if that is not so, check this server's clock`,
    );
  }
}

/** That the part is the one that this order, for this server, was signed for. */
export function assertPartBelongsTo(order: ApplyOrder, part: PlanPart): void {
  if (part.header.sync !== order.sync || part.header.server !== order.server) {
    throw new OrderRefused('WRONG_PLAN', `the plan part is for ${part.header.server} in sync ${part.header.sync}`);
  }
}
