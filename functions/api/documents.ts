import * as z from 'zod';
import { accessRoleSchema } from '#core/access-token.ts';
import { decisionSchema, voteSchema } from '#core/approval.ts';
import { sha256Schema } from '#core/digest.ts';
import { changeCountsSchema, destinationSchema, operationSchema, planSchema } from '#core/plan.ts';
import { artifactClassSchema } from '#core/profile.ts';
import { progressSchema, receiptSchema, signedReceiptSchema, statusSchema } from '#core/receipt.ts';
import { serverIdSchema } from '#core/server.ts';
import { copyModeSchema, syncIdSchema, syncModeSchema, syncRequestSchema } from '#core/sync.ts';
import { transferEstimateSchema } from '#core/transfer-estimate.ts';
import { destinationVerdictSchema, syncVerdictSchema } from '#core/verdict.ts';

// What the API answers, for the routes that say it and for the command line that reads it. Plain zod: loads nothing else.

const countSchema = z.int().nonnegative();
const timeSchema = z.iso.datetime();

export const SYNC_EXAMPLE = '20260102T030405Z-0a1b2c3d';

export const problemSchema = z
  .object({
    type: z.string().meta({ description: 'Always `about:blank`: the status says which kind it is.' }),
    title: z.string().meta({ description: 'What happened.', example: 'There is no such sync' }),
    status: z.int().meta({ example: 404 }),
    detail: z.string().meta({ description: 'Where, and what to do next.' }),
  })
  .meta({ id: 'Problem', description: 'What went wrong, as RFC 9457 has it.' });

export const callerSchema = z
  .object({
    person: z.string().meta({ description: 'As requests and votes name him.' }),
    roles: z.array(accessRoleSchema),
    groups: z.array(z.string()),
    method: z.enum(['link', 'oidc', 'token']).meta({ description: 'How he is known.' }),
    formKey: z
      .string()
      .optional()
      .meta({ description: 'For the header `X-Lockstep-Form-Key`; absent for a token, which needs none.' }),
  })
  .meta({ id: 'Caller' });

const lastSyncSchema = z
  .object({
    sync: syncIdSchema,
    finishedAt: timeSchema,
    verdict: z.enum([...destinationVerdictSchema.shape.verdict.options, 'SOURCE']),
  })
  .meta({
    description: 'How the last sync or verification that named it ended there; SOURCE: others were made like it.',
  });

const serverSchema = z
  .object({
    server: serverIdSchema.meta({ example: 'west/primary' }),
    offline: z.boolean().meta({ description: 'Not heard of for longer than the fleet file allows.' }),
    status: statusSchema.nullable().meta({ description: 'What its agent said last; null before its first word.' }),
    trouble: z
      .discriminatedUnion('kind', [
        z.object({ kind: z.literal('stale-view'), since: timeSchema, detail: z.string() }),
        z.object({ kind: z.literal('bad-status'), detail: z.string() }),
      ])
      .nullable()
      .meta({ description: 'What a person should look into.' }),
    lastSync: lastSyncSchema.nullable(),
    underWay: syncIdSchema.nullable().meta({ description: 'The sync under way that names it.' }),
  })
  .meta({ id: 'Server' });

export const serversSchema = z
  .object({
    fleet: z.string().nullable().meta({ description: 'Null while no fleet file was given.' }),
    servers: z.array(serverSchema),
    next: serverIdSchema.nullable().meta({ description: 'For `after`, to go on; null where there are no more.' }),
  })
  .meta({ id: 'Servers' });

export const oneServerSchema = serverSchema
  .extend({
    lastVerification: z
      .object({ sync: syncIdSchema, finishedAt: timeSchema, result: destinationVerdictSchema })
      .nullable()
      .meta({ description: 'Whether its files were still what its last receipt says; null where none is known.' }),
  })
  .meta({ id: 'OneServer' });

const pastSyncSchema = z
  .object({
    sync: syncIdSchema.meta({ example: SYNC_EXAMPLE }),
    requestedBy: z.string(),
    requestedAt: timeSchema,
    source: serverIdSchema,
    destinations: z.array(serverIdSchema),
    mode: syncModeSchema,
    rollbackOf: syncIdSchema.optional(),
    dryRun: z.boolean(),
    verify: z.literal(true).optional(),
    verdict: syncVerdictSchema.shape.verdict.nullable().meta({ description: 'Null while it is under way.' }),
    plan: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/)
      .nullable(),
    exitStatus: z
      .union([z.literal(0), z.literal(1), z.literal(3)])
      .nullable()
      .meta({ description: 'That `lockstep` ends with: 0 well, 1 failed, 3 refused.' }),
    transfer: z
      .object({
        bytesFetched: countSchema,
        secondsFetching: z.number().nonnegative().optional(),
        estimate: transferEstimateSchema.partial({ seconds: true }).optional(),
      })
      .optional(),
  })
  .meta({ id: 'PastSync' });

export const pastSyncsSchema = z
  .object({
    syncs: z.array(pastSyncSchema).meta({ description: 'The newest first.' }),
    next: syncIdSchema.nullable().meta({ description: 'For `before`, to go on; null where there are no more.' }),
  })
  .meta({ id: 'PastSyncs' });

export const historySchema = pastSyncsSchema.pick({ syncs: true }).meta({ id: 'History' });

export const syncViewSchema = z
  .object({
    request: syncRequestSchema,
    phase: z.enum(['inventory', 'planning', 'approval', 'applying', 'done']),
    cancelled: z.boolean().meta({ description: 'Somebody has stopped it; what was begun comes to its end.' }),
    begun: z.boolean().meta({ description: 'A controller has taken it up.' }),
    wave: countSchema.meta({ description: 'The newest wave of destinations that has begun, from 0.' }),
    plan: sha256Schema.nullable().meta({ description: 'Digest of the plan, which has an address of its own.' }),
    decision: decisionSchema.nullable(),
    servers: z
      .array(
        z.object({
          server: serverIdSchema,
          step: z.enum(['inventory', 'apply']),
          progress: progressSchema.nullable(),
          receipt: receiptSchema.nullable(),
        }),
      )
      .meta({ description: 'At work in this phase. What an agent says of itself; only the verdict was proved.' }),
    verdict: syncVerdictSchema.nullable().meta({ description: 'There in phase `done`, and only then.' }),
  })
  .meta({ id: 'Sync' });

export const wantedSyncSchema = z
  .strictObject({
    source: serverIdSchema.meta({ example: 'west/primary' }),
    destinations: z
      .array(serverIdSchema)
      .max(20_000)
      .default([])
      .meta({ example: ['west/backup'] }),
    sites: z
      .array(z.string().max(64))
      .max(10_000)
      .default([])
      .meta({ description: 'All servers there, but the source.' }),
    mode: copyModeSchema.default('overwrite'),
    only: z.array(artifactClassSchema).max(50).default([]).meta({ description: 'Only files of these classes.' }),
    dryRun: z.boolean().default(false).meta({ description: 'Plan, show, and stop.' }),
    allowShrink: z.boolean().default(false),
    allowDowngrade: z.boolean().default(false),
    allowVanished: z.array(artifactClassSchema).max(50).default([]),
    maxRemovalPercent: z.int().min(0).max(100).optional(),
  })
  .meta({ id: 'WantedSync', description: 'All else is what the fleet file says.' });

export const startedSyncSchema = z
  .object({ sync: syncIdSchema.meta({ example: SYNC_EXAMPLE }) })
  .meta({ id: 'StartedSync' });

export const cancelledSchema = z
  .object({ sync: syncIdSchema, cancelled: z.literal(true) })
  .meta({ id: 'CancelledSync' });

export const planDocumentSchema = planSchema.meta({ id: 'Plan' });

export const differencesSchema = z
  .object({
    sync: syncIdSchema,
    plan: sha256Schema,
    found: countSchema.meta({ description: 'Destinations that fit.' }),
    destinations: z
      .array(destinationSchema)
      .meta({ description: 'Those that a person should look at first come first.' }),
    next: countSchema.nullable().meta({ description: 'For `from`, to go on; null where there are no more.' }),
  })
  .meta({ id: 'Differences' });

export const operationsSchema = z
  .object({
    server: serverIdSchema,
    plan: sha256Schema,
    counts: changeCountsSchema.nullable().meta({ description: 'Null where nothing will be done there.' }),
    operations: z.array(operationSchema).meta({ description: 'In the order of their paths.' }),
    next: z.string().nullable().meta({ description: 'For `after`, to go on; null where there are no more.' }),
  })
  .meta({ id: 'Operations' });

export const signedReceiptDocumentSchema = signedReceiptSchema.meta({
  id: 'SignedReceipt',
  description: 'As the agent has signed it.',
});

export const receiptsSchema = z
  .object({
    receipts: z.array(
      z.object({
        server: serverIdSchema,
        step: z.enum(['inventory', 'apply']),
        order: z.string(),
        receipt: signedReceiptDocumentSchema,
      }),
    ),
    next: serverIdSchema.nullable(),
  })
  .meta({ id: 'Receipts' });

export const approvalSchema = z
  .object({
    sync: syncIdSchema,
    requestedBy: z.string(),
    state: z.enum(['waiting', 'decided', 'expired', 'stopped', 'ended', 'not-planned', 'nothing-to-decide']),
    plan: z
      .object({
        digest: sha256Schema.meta({ description: 'A vote has to name it.' }),
        code: z.string().meta({ description: 'The short code that people read.', example: '1f2e-3d4c' }),
        expiresAt: timeSchema,
        approvalsNeeded: z.int().positive(),
        requesterMayApprove: z.boolean(),
        removalsToAcknowledge: countSchema
          .nullable()
          .meta({ description: 'An approval has to name this number; null where none is needed.' }),
        counts: changeCountsSchema.pick({ create: true, update: true, remove: true }).extend({ bytes: countSchema }),
      })
      .nullable(),
    votes: z.array(voteSchema).meta({ description: 'Those that count, the earliest first.' }),
    decision: decisionSchema.nullable(),
  })
  .meta({ id: 'Approval' });

export const approvalsSchema = z
  .object({
    waiting: z.array(approvalSchema).meta({ description: 'The newest first.' }),
    decided: z.array(decisionSchema).meta({ description: 'Lately.' }),
  })
  .meta({ id: 'Approvals' });

export const wantedVoteSchema = z
  .strictObject({
    plan: sha256Schema.meta({ description: 'Digest of the plan that was looked at; another one is refused.' }),
    decision: voteSchema.shape.decision,
    comment: voteSchema.shape.comment,
    acknowledgedRemovals: voteSchema.shape.acknowledgedRemovals,
  })
  .meta({ id: 'WantedVote' });

export const voteCastSchema = z
  .object({
    vote: voteSchema,
    decision: decisionSchema.nullable().meta({ description: 'Null while more approvals are needed.' }),
  })
  .meta({ id: 'VoteCast' });
