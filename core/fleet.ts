import { z } from 'zod';
import { type ServerId, serverIdSchema } from './server.ts';
import { timeoutsSchema } from './sync.ts';

const wordSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'expected a lower-case word');

const approvalSchema = z.strictObject({
  /** Who is told that a plan waits. */
  mail: z.array(z.email()).max(50).default([]),
  /** Approvals by different people that a plan needs. */
  required: z.int().min(1).max(20).default(1),
  'requester-may-approve': z.boolean().default(false),
});

/** `fleet.yaml`. */
export const fleetSchema = z.strictObject({
  fleet: wordSchema,
  /** Site -> the names of its servers. */
  sites: z
    .record(wordSchema, z.strictObject({ servers: z.array(z.string()).min(1).max(1000) }))
    .superRefine(checkServers),
  approval: approvalSchema.default({ mail: [], required: 1, 'requester-may-approve': false }),
  waves: z
    .strictObject({ size: z.int().min(1).max(10_000).default(10), 'error-budget': z.int().min(0).default(0) })
    .default({ size: 10, 'error-budget': 0 }),
  timeouts: z
    .strictObject({
      'offline-seconds': timeoutsSchema.shape.offlineSeconds.default(60),
      'inventory-seconds': timeoutsSchema.shape.inventorySeconds.default(3600),
      'apply-seconds': timeoutsSchema.shape.applySeconds.default(14_400),
      'approval-seconds': timeoutsSchema.shape.approvalSeconds.default(86_400),
    })
    .default({ 'offline-seconds': 60, 'inventory-seconds': 3600, 'apply-seconds': 14_400, 'approval-seconds': 86_400 }),
});

export type Fleet = z.infer<typeof fleetSchema>;

function checkServers(sites: Record<string, { readonly servers: readonly string[] }>, context: z.RefinementCtx): void {
  for (const [site, { servers }] of Object.entries(sites)) {
    for (const [index, name] of servers.entries()) {
      const [issue] = serverIdSchema.safeParse(`${site}/${name}`).error?.issues ?? [];
      const message = issue?.message ?? (servers.indexOf(name) < index ? `${name} is named twice` : undefined);
      if (message !== undefined) context.addIssue({ code: 'custom', message, path: [site, 'servers', index] });
    }
  }
}

export function fleetServers(fleet: Fleet): ServerId[] {
  return Object.entries(fleet.sites).flatMap(([site, { servers }]) =>
    servers.map((name) => serverIdSchema.parse(`${site}/${name}`)),
  );
}
