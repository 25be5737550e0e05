import * as z from 'zod';
import { approversSchema, tooFewApprovers } from './approvers.ts';
import { consoleUrlSchema } from './console-url.ts';
import { type ServerId, serverIdSchema } from './server.ts';
import { consoleSettingsSchema } from './sign-in.ts';
import { smtpUrlSchema } from './smtp-server.ts';
import { timeoutsSchema } from './sync.ts';

const wordSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'expected a lower-case word');

const approvalSchema = z
  .strictObject({
    /** Who is told that a plan waits. */
    mail: z.array(z.email()).max(50).default([]),
    /** Approvals by different people that a plan needs. */
    required: z.int().min(1).max(20).default(1),
    'requester-may-approve': z.boolean().default(false),
    /** Whose votes count; absent: those of everybody who may vote at all. */
    approvers: approversSchema.optional(),
    /** Whoever an identity provider has signed in need not type the plan's short code. */
    'sign-in-instead-of-code': z.boolean().default(false),
  })
  .superRefine(({ approvers, required: approvals, 'requester-may-approve': requesterMayApprove }, context) => {
    const message = tooFewApprovers({ approvals, approvers, requesterMayApprove });
    if (message !== undefined) context.addIssue({ code: 'custom', message, path: ['approvers'] });
  });

/**
 * What two servers must have in common before files go from one to the other, such as the group of servers whose
 * database password is the same. The words are the fleet's own.
 */
const compatibilitySchema = z.record(
  z.string().regex(/^[a-zA-Z][a-zA-Z0-9-]{0,39}$/, 'expected a word'),
  z.string('expected text: put the value in quotes').min(1).max(100),
);

export type Compatibility = z.infer<typeof compatibilitySchema>;

const serverSchema = z.union([
  z.string(),
  z.strictObject({ name: z.string(), compatibility: compatibilitySchema.optional() }),
]);

const siteSchema = z.strictObject({
  servers: z.array(serverSchema).min(1).max(1000),
  /** Of all its servers, as far as they do not say otherwise. */
  compatibility: compatibilitySchema.optional(),
});

type Site = z.infer<typeof siteSchema>;

/** `fleet.yaml`. */
export const fleetSchema = z.strictObject({
  fleet: wordSchema,
  /** Site -> the names of its servers. */
  sites: z.record(wordSchema, siteSchema).superRefine(checkServers),
  approval: approvalSchema.prefault({}),
  /** Where people find the console; absent: mails name the commands instead. */
  'console-url': consoleUrlSchema.optional(),
  /** Who may enter it, and how. */
  console: consoleSettingsSchema.optional(),
  /** What delivers the mails of `lockstep up`; absent: its outbox keeps them. No password stands here. */
  mail: z.strictObject({ smtp: smtpUrlSchema, from: z.email() }).optional(),
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

function checkServers(sites: Record<string, Site>, context: z.RefinementCtx): void {
  for (const [site, { servers }] of Object.entries(sites)) {
    const names = servers.map(nameOf);
    for (const [index, name] of names.entries()) {
      const [issue] = serverIdSchema.safeParse(`${site}/${name}`).error?.issues ?? [];
      const message = issue?.message ?? (names.indexOf(name) < index ? `${name} is named twice` : undefined);
      if (message !== undefined) context.addIssue({ code: 'custom', message, path: [site, 'servers', index] });
    }
  }
}

export function fleetServers(fleet: Fleet): ServerId[] {
  return Object.entries(fleet.sites).flatMap(([site, { servers }]) =>
    servers.map((server) => serverIdSchema.parse(`${site}/${nameOf(server)}`)),
  );
}

/** What the fleet file says of a server, its own words before those of its site; nothing of one that it does not name. */
export function compatibilityOf(fleet: Fleet | undefined, server: ServerId): Compatibility {
  const [id = '', name] = server.split('/');
  const site = fleet !== undefined && Object.hasOwn(fleet.sites, id) ? fleet.sites[id] : undefined;
  const own = site?.servers.find((one) => nameOf(one) === name);
  return own === undefined ? {} : { ...site?.compatibility, ...(typeof own === 'object' && own.compatibility) };
}

function nameOf(server: Site['servers'][number]): string {
  return typeof server === 'string' ? server : server.name;
}
