import * as z from 'zod';
import { sha256Schema } from './digest.ts';
import { REFUSAL_REASONS } from './errors.ts';
import { changeCountsSchema, type PartHeader, type Plan, plannedFor } from './plan.ts';
import type { ApplyReceipt } from './receipt.ts';
import { serverIdSchema } from './server.ts';
import { syncIdSchema, syncModeSchema } from './sync.ts';
import { transferEstimateSchema } from './transfer-estimate.ts';

export const VERDICT_FORMAT = 'lockstep-verdict/1';

const countSchema = z.int().nonnegative();

/** What a server that has read every file was compared with. */
const verificationSchema = z.strictObject({
  /** The receipt that says what it should hold: its key, its sync, and when it was written. */
  receipt: z.string(),
  sync: syncIdSchema,
  finishedAt: z.iso.datetime(),
  /** Artifacts and protected files that were read. */
  files: countSchema,
  /** Of the artifacts. */
  bytes: countSchema,
  /** Absent for VERIFIED, and where the store cannot tell any more which files they are. */
  drift: z.strictObject({ changed: countSchema, missing: countSchema, added: countSchema }).optional(),
});

export type Verification = z.infer<typeof verificationSchema>;

export const destinationVerdictSchema = z.strictObject({
  server: serverIdSchema,
  /** VERIFIED and DRIFTED are the answers of `lockstep verify`. */
  verdict: z.enum([
    'IN_SYNC',
    'SUCCEEDED',
    'ROLLED_BACK',
    'REFUSED',
    'FAILED',
    'OFFLINE',
    'NOT_ATTEMPTED',
    'VERIFIED',
    'DRIFTED',
  ]),
  reason: z.string().max(40).optional(),
  detail: z.string().max(4000).optional(),
  changes: changeCountsSchema,
  protected: countSchema,
  unrecognised: countSchema,
  /** What the plan said of the transfer. */
  estimate: transferEstimateSchema.optional(),
  bytesFetched: countSchema,
  /** Absent where nothing was fetched, or the agent could not say. */
  secondsFetching: z.number().nonnegative().optional(),
  /** Key of the signed receipt that says so. */
  receipt: z.string().nullable(),
  /** There for VERIFIED and DRIFTED. */
  verification: verificationSchema.optional(),
});

export type DestinationVerdict = z.infer<typeof destinationVerdictSchema>;

export const syncVerdictSchema = z.strictObject({
  format: z.literal(VERDICT_FORMAT),
  sync: syncIdSchema,
  /** PLANNED ends a dry run that found differences. */
  verdict: z.enum([
    'IN_SYNC',
    'SUCCEEDED',
    'REJECTED',
    'EXPIRED',
    'HALTED',
    'FAILED',
    'PLANNED',
    'VERIFIED',
    'DRIFTED',
  ]),
  reason: z.string().max(40).optional(),
  detail: z.string().max(4000).optional(),
  plan: sha256Schema.nullable(),
  mode: syncModeSchema,
  rollbackOf: syncIdSchema.optional(),
  source: z.strictObject({
    server: serverIdSchema,
    manifest: sha256Schema.nullable(),
    artifacts: countSchema,
    bytes: countSchema,
    bytesUploaded: countSchema,
    secondsUploading: z.number().nonnegative().optional(),
  }),
  destinations: z.array(destinationVerdictSchema).max(20_000),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
});

/** `syncs/{sync}/verdict.json`, created once. */
export type SyncVerdict = z.infer<typeof syncVerdictSchema>;

/** How the workflow came to its report. */
export type Ending = 'planned' | 'applied' | 'rejected' | 'expired' | 'halted' | 'failed';

/** SUCCEEDED only if every destination named has ended well. */
export function judgeSync(
  ending: Ending,
  destinations: readonly DestinationVerdict[],
  dryRun: boolean,
): SyncVerdict['verdict'] {
  switch (ending) {
    case 'rejected':
      return 'REJECTED';
    case 'expired':
      return 'EXPIRED';
    case 'halted':
      return 'HALTED';
    case 'failed':
      return 'FAILED';
    case 'planned':
    case 'applied':
      if (destinations.length === 0) return 'FAILED';
      if (destinations.every(({ verdict }) => verdict === 'IN_SYNC')) return 'IN_SYNC';
      if (destinations.every(({ verdict }) => verdict === 'VERIFIED')) return 'VERIFIED';
      if (destinations.some(({ verdict }) => verdict === 'DRIFTED')) return 'DRIFTED';
      if (destinations.every(endedWell)) return 'SUCCEEDED';
      if (dryRun && destinations.every(({ verdict }) => verdict === 'IN_SYNC' || verdict === 'NOT_ATTEMPTED'))
        return 'PLANNED';
      return 'FAILED';
  }
}

export function endedWell({ verdict }: Pick<DestinationVerdict, 'verdict'>): boolean {
  return verdict === 'IN_SYNC' || verdict === 'SUCCEEDED' || verdict === 'VERIFIED';
}

/** How a verdict is shown, wherever that is. */
export function toneOf(verdict: SyncVerdict['verdict'] | DestinationVerdict['verdict']): 'good' | 'warning' | 'bad' {
  switch (verdict) {
    case 'IN_SYNC':
    case 'SUCCEEDED':
    case 'PLANNED':
    case 'VERIFIED':
      return 'good';
    case 'NOT_ATTEMPTED':
    case 'REJECTED':
    case 'EXPIRED':
      return 'warning';
    case 'REFUSED':
    case 'ROLLED_BACK':
    case 'FAILED':
    case 'OFFLINE':
    case 'HALTED':
    case 'DRIFTED':
      return 'bad';
  }
}

/** Why a receipt that says SUCCEEDED does not prove it; `undefined` when it does. */
export function findReceiptFlaw(receipt: ApplyReceipt, plan: Plan, part: PartHeader): string | undefined {
  const planned = plannedFor(plan, receipt.server);
  if (receipt.plan !== plan.digest) return 'it is about another plan';
  if (planned?.outcome !== 'changes' || receipt.part !== planned.part) return 'it is about another part of the plan';
  if (receipt.before.state !== part.stateBefore) return 'it began from another state than was approved';
  if (receipt.after.state !== part.stateAfter) return 'it ended in another state than was approved';
  if (receipt.before.protectedState !== receipt.after.protectedState) return 'licenses or identity changed meanwhile';
  return undefined;
}

/** 0 in sync, succeeded or verified; 1 failed, halted, rolled back or drifted; 3 refused, rejected, expired or stale. */
export function exitStatus(verdict: SyncVerdict): 0 | 1 | 3 {
  switch (verdict.verdict) {
    case 'IN_SYNC':
    case 'SUCCEEDED':
    case 'PLANNED':
    case 'VERIFIED':
      return 0;
    case 'REJECTED':
    case 'EXPIRED':
      return 3;
    case 'HALTED':
    case 'DRIFTED':
      return 1;
    case 'FAILED': {
      const bad = verdict.destinations.filter((destination) => !endedWell(destination));
      const refused = bad.filter(
        (destination) => destination.verdict === 'REFUSED' || destination.verdict === 'NOT_ATTEMPTED',
      );
      const sourceRefused = (REFUSAL_REASONS as readonly (string | undefined)[]).includes(verdict.reason);
      return refused.length === bad.length && (sourceRefused || bad.some(({ verdict: one }) => one === 'REFUSED'))
        ? 3
        : 1;
    }
  }
}
