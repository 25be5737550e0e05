import * as z from 'zod';
import { approversSchema, personSchema } from './approvers.ts';
import { consoleUrlSchema } from './console-url.ts';
import { artifactClassSchema } from './profile.ts';
import { type ServerId, serverIdSchema } from './server.ts';

export const SYNC_FORMAT = 'lockstep-sync/1';

/** Sorts by time of request; safe in keys, execution names and file names. */
export const syncIdSchema = z
  .string()
  .regex(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/, 'expected a sync id such as 20260102T030405Z-0a1b2c3d')
  .brand<'SyncId'>();

export type SyncId = z.infer<typeof syncIdSchema>;

/** Of a sync that brings files from its source. */
export const copyModeSchema = z.enum(['overwrite', 'mirror']);

/** A rollback puts back at each destination what an earlier sync replaced or removed there. */
export const syncModeSchema = z.enum([...copyModeSchema.options, 'rollback']);

export type CopyMode = z.infer<typeof copyModeSchema>;
export type SyncMode = z.infer<typeof syncModeSchema>;

/** What was asked for; bound by the plan's digest. */
export const syncPolicySchema = z.strictObject({
  mode: syncModeSchema,
  /** Classes to which the sync is restricted; absent: all. */
  only: z.array(artifactClassSchema).min(1).max(50).optional(),
  /** Accept a source that is empty or less than half of the destination. */
  allowShrink: z.boolean(),
  /** Classes that the source may have lost altogether. */
  allowVanished: z.array(artifactClassSchema).min(1).max(50).optional(),
  /** Accept a source whose product is older than a destination's, or of a version that is not known. */
  allowDowngrade: z.boolean().optional(),
  /** Share of a destination's files that a mirror may remove without an acknowledgement; absent: core/removals.ts. */
  maxRemovalPercent: z.int().min(0).max(100).optional(),
  /** Plan, show, and stop. */
  dryRun: z.boolean(),
  /** Compare what each server named holds with its last receipt, and stop: a dry run, in which the source is one of them. */
  verify: z.literal(true).optional(),
  /** Approvals needed before anything is written. */
  approvals: z.int().min(1).max(20),
  requesterMayApprove: z.boolean(),
  /** Whose votes count; absent: those of everybody who may vote at all. */
  approvers: approversSchema.optional(),
  /** Whoever an identity provider has signed in need not type the plan's short code. */
  signInInsteadOfCode: z.literal(true).optional(),
});

export type SyncPolicy = z.infer<typeof syncPolicySchema>;

export const timeoutsSchema = z.strictObject({
  /** Seconds without a word from an agent after which it counts as offline or lost. */
  offlineSeconds: z.int().min(1).max(86_400),
  /** Seconds that taking stock of one server may take. */
  inventorySeconds: z.int().min(1).max(604_800),
  /** Seconds that one destination may take to fetch and apply. */
  applySeconds: z.int().min(1).max(604_800),
  /** Seconds that a plan waits for its approval; at most twenty days, for a timer holds no more than 24. */
  approvalSeconds: z.int().min(1).max(1_728_000),
});

export type Timeouts = z.infer<typeof timeoutsSchema>;

/** One execution of the workflow has room for no more: docs/scale.md. */
export const MOST_WAVES = 2000;

/** `syncs/{sync}/request.json`, created once: everything that a run needs to know, so that it can start again. */
export const syncRequestSchema = z
  .strictObject({
    format: z.literal(SYNC_FORMAT),
    sync: syncIdSchema,
    requestedBy: personSchema,
    requestedAt: z.iso.datetime(),
    /** Of the sync that is rolled back, where this is a rollback: then it is asked for nothing. */
    source: serverIdSchema,
    /** There in mode `rollback`, and only then. */
    rollbackOf: syncIdSchema.optional(),
    destinations: z.array(serverIdSchema).max(20_000),
    policy: syncPolicySchema,
    /** Destinations that are written at the same time. */
    waveSize: z.int().min(1).max(10_000),
    /** Destinations that may end badly before the rest is not attempted. */
    errorBudget: z.int().min(0).max(20_000),
    timeouts: timeoutsSchema,
    /** Who is told that a plan waits for approval. */
    notify: z.array(z.email()).max(50),
    /** Where they find the console, if it is known. */
    consoleUrl: consoleUrlSchema.optional(),
  })
  .refine(({ destinations, policy }) => destinations.length > 0 || policy.verify === true, {
    message: 'it names none',
    path: ['destinations'],
  })
  .refine((request) => !request.destinations.includes(request.source), 'the source is among the destinations')
  .refine(({ destinations, waveSize }) => destinations.length <= MOST_WAVES * waveSize, {
    message: `these would be more than ${MOST_WAVES} waves: make them larger (waves.size in the fleet file)`,
    path: ['waveSize'],
  })
  .refine(
    ({ policy, rollbackOf }) => (policy.mode === 'rollback') === (rollbackOf !== undefined),
    'a rollback, and only a rollback, names the sync that it is of',
  )
  .refine(
    (request) => new Set(request.destinations).size === request.destinations.length,
    'a destination is named twice',
  );

export type SyncRequest = z.infer<typeof syncRequestSchema>;

/** Who has to say what is there before anything can be planned. */
export function stockTakers({
  destinations,
  rollbackOf,
  source,
}: Pick<SyncRequest, 'destinations' | 'rollbackOf' | 'source'>): readonly ServerId[] {
  return rollbackOf === undefined ? [source, ...destinations] : destinations;
}

/** Sorts by `now`, to the millisecond: its second, three hex digits for the milliseconds, and five random ones. */
export function createSyncId(now: Date, random: string): SyncId {
  const second = now
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z');
  const milliseconds = now.getUTCMilliseconds().toString(16).padStart(3, '0');
  return syncIdSchema.parse(`${second}-${milliseconds}${random}`);
}
