import { z } from 'zod';
import { artifactClassSchema } from './profile.ts';
import { serverIdSchema } from './server.ts';

export const SYNC_FORMAT = 'lockstep-sync/1';

/** Sorts by time of request; safe in keys, execution names and file names. */
export const syncIdSchema = z
  .string()
  .regex(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/, 'expected a sync id such as 20260102T030405Z-0a1b2c3d')
  .brand<'SyncId'>();

export type SyncId = z.infer<typeof syncIdSchema>;

export const syncModeSchema = z.enum(['overwrite', 'mirror']);

export type SyncMode = z.infer<typeof syncModeSchema>;

/** What was asked for; bound by the plan's digest. */
export const syncPolicySchema = z.strictObject({
  mode: syncModeSchema,
  /** Classes to which the sync is restricted; absent: all. */
  only: z.array(artifactClassSchema).min(1).max(50).optional(),
  /** Accept a source that is empty or less than half of the destination. */
  allowShrink: z.boolean(),
  /** Plan, show, and stop. */
  dryRun: z.boolean(),
  /** Approvals needed before anything is written. */
  approvals: z.int().min(1).max(20),
  requesterMayApprove: z.boolean(),
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

/** `syncs/{sync}/request.json`, created once: everything that a run needs to know, so that it can start again. */
export const syncRequestSchema = z
  .strictObject({
    format: z.literal(SYNC_FORMAT),
    sync: syncIdSchema,
    requestedBy: z.string().min(1).max(200),
    requestedAt: z.iso.datetime(),
    source: serverIdSchema,
    destinations: z.array(serverIdSchema).min(1).max(20_000),
    policy: syncPolicySchema,
    /** Destinations that are written at the same time. */
    waveSize: z.int().min(1).max(10_000),
    /** Destinations that may end badly before the rest is not attempted. */
    errorBudget: z.int().min(0).max(20_000),
    timeouts: timeoutsSchema,
    /** Who is told that a plan waits for approval. */
    notify: z.array(z.email()).max(50),
  })
  .refine((request) => !request.destinations.includes(request.source), 'the source is among the destinations')
  .refine(
    (request) => new Set(request.destinations).size === request.destinations.length,
    'a destination is named twice',
  );

export type SyncRequest = z.infer<typeof syncRequestSchema>;

/** `now` and eight random hex digits make the id. */
export function createSyncId(now: Date, random: string): SyncId {
  const time = now
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z');
  return syncIdSchema.parse(`${time}-${random}`);
}
