import * as z from 'zod';
import { serverIdSchema } from './server.ts';
import { syncIdSchema } from './sync.ts';

export const AUDIT_FORMAT = 'lockstep-audit/1';

/** What a person did in the console, or was not let do. */
export const auditEventSchema = z.enum([
  'decision',
  'decision-refused',
  'refused',
  'sign-in',
  'sign-in-refused',
  'sign-out',
  'sync-started',
  'sync-stopped',
  'token-created',
  'token-removed',
  'verification-started',
]);

export type AuditEvent = z.infer<typeof auditEventSchema>;

const shortSchema = z.string().max(64);

/** What is written down of it besides; nothing secret. */
export const auditDetailsSchema = z.strictObject({
  /** By way of what: `console`, `api`. */
  via: shortSchema.optional(),
  sync: syncIdSchema.optional(),
  server: serverIdSchema.optional(),
  plan: shortSchema.nullable().optional(),
  vote: z.enum(['APPROVED', 'REJECTED']).optional(),
  /** What the votes came to; null while more are needed. */
  decided: z.enum(['APPROVED', 'REJECTED']).nullable().optional(),
  /** Of the answer, as HTTP has it. */
  status: z.int().optional(),
  path: z.string().max(200).optional(),
  reason: z.string().max(1000).nullable().optional(),
  roles: z.array(shortSchema).max(10).optional(),
  token: shortSchema.optional(),
});

export type AuditDetails = z.infer<typeof auditDetailsSchema>;

/** One object at `keys.audit`, created once. */
export const auditSchema = auditDetailsSchema.extend({
  format: z.literal(AUDIT_FORMAT),
  event: auditEventSchema,
  at: z.iso.datetime(),
  person: z.string().min(1).max(200),
  /** How he had signed in. */
  method: z.enum(['link', 'oidc', 'token']).optional(),
  /** Where the request came from, as far as it is known. */
  address: shortSchema.optional(),
});
