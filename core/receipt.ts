import * as z from 'zod';
import { sha256Schema } from './digest.ts';
import { REFUSAL_REASONS } from './errors.ts';
import { type ManifestSummary, manifestSummarySchema } from './manifest.ts';
import { orderIdSchema } from './order.ts';
import { changeCountsSchema } from './plan.ts';
import { secretRulesSchema } from './secret-rules.ts';
import { serverFactsSchema, serverIdSchema } from './server.ts';
import { publicKeySchema, type Signed, signedSchema } from './signed.ts';
import { syncIdSchema } from './sync.ts';

export const RECEIPT_FORMAT = 'lockstep-receipt/1';
export const PROGRESS_FORMAT = 'lockstep-progress/1';
export const STATUS_FORMAT = 'lockstep-status/1';
export const ENROLMENT_FORMAT = 'lockstep-enrolment/1';

const countSchema = z.int().nonnegative();

/** With at least one call of the store under way; pauses for a limited rate and for an outage count. */
const secondsSchema = z.number().nonnegative();

const commonFields = {
  format: z.literal(RECEIPT_FORMAT),
  order: orderIdSchema,
  sync: syncIdSchema,
  server: serverIdSchema,
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
};

/** Nothing is said of what there is none of: a sync of equal servers is to cost next to nothing. */
const briefSummarySchema = manifestSummarySchema.partial({
  folders: true,
  unrecognised: true,
  links: true,
  special: true,
  unnameable: true,
});

/** Stock taken: the manifest is in the store; for a source the snapshot is, too. */
const inventoryReceiptSchema = z.strictObject({
  ...commonFields,
  step: z.literal('inventory'),
  outcome: z.literal('DONE'),
  summary: briefSummarySchema,
  snapshot: sha256Schema.optional(),
  /** Every file was read for it, as the order asked. */
  full: z.literal(true).optional(),
  bytesUploaded: countSchema,
  secondsUploading: secondsSchema.optional(),
  facts: serverFactsSchema,
  /** Of the profile, beside a snapshot: what of the content that it leads to nobody is shown. */
  secrets: secretRulesSchema.optional(),
  /** Syncs that can be rolled back here, as far as pre-images go. */
  preImages: z.array(syncIdSchema).max(1000).optional(),
});

/** How one of the operator's programs around an apply ended; `undo` is the after hook, run once more behind an undo. */
export const hookResultSchema = z.strictObject({
  name: z.enum(['before', 'after', 'check', 'undo']),
  outcome: z.enum(['succeeded', 'failed', 'timed-out']),
  /** In words: an exit status, a signal, why it could not be started. */
  status: z.string().max(300),
  seconds: z.number().nonnegative(),
  /** The end of what it wrote, in lines that are safe to print. */
  output: z.string().max(4096),
});

export type HookResult = z.infer<typeof hookResultSchema>;

const hooksSchema = z.array(hookResultSchema).max(20);

/** What of it was read from the disk, and what was known by its stat: docs/design.md. */
const statesSchema = z.strictObject({ state: sha256Schema, protectedState: sha256Schema });

const applyReceiptSchema = z.strictObject({
  ...commonFields,
  step: z.literal('apply'),
  outcome: z.literal('SUCCEEDED'),
  plan: sha256Schema,
  part: sha256Schema,
  before: statesSchema,
  after: statesSchema,
  changes: changeCountsSchema,
  /** In the order in which they were run; absent where there are none. */
  hooks: hooksSchema.optional(),
  /** Bodies of all that was read from the store for this order. */
  bytesFetched: countSchema,
  secondsFetching: secondsSchema,
});

/** Not done, and why. REFUSED and ROLLED_BACK leave the tree as it was; FAILED may not. */
const failureReceiptSchema = z.strictObject({
  ...commonFields,
  step: z.enum(['inventory', 'apply']),
  outcome: z.enum(['REFUSED', 'ROLLED_BACK', 'FAILED']),
  reason: z.enum(REFUSAL_REASONS).optional(),
  detail: z.string().max(4000),
  hooks: hooksSchema.optional(),
  /** Absent where it is not known any more. */
  bytesFetched: countSchema.optional(),
  secondsFetching: secondsSchema.optional(),
});

export const receiptSchema = z.union([inventoryReceiptSchema, applyReceiptSchema, failureReceiptSchema]);

/** An agent's signed answer to one order; created once. */
export type Receipt = z.infer<typeof receiptSchema>;
export type InventoryReceipt = z.infer<typeof inventoryReceiptSchema>;
export type ApplyReceipt = z.infer<typeof applyReceiptSchema>;
export type FailureReceipt = z.infer<typeof failureReceiptSchema>;

/** A manifest's summary as a receipt says it. */
export function toBrief(summary: ManifestSummary): InventoryReceipt['summary'] {
  const { folders, links, special, unnameable, unrecognised, ...rest } = summary;
  const rare = Object.entries({ folders, links, special, unnameable, unrecognised });
  return { ...rest, ...Object.fromEntries(rare.filter(([, count]) => count > 0)) };
}

/** The whole of what a receipt says. */
export function summaryIn({ summary }: Pick<InventoryReceipt, 'summary'>): ManifestSummary {
  const { folders = 0, links = 0, special = 0, unnameable = 0, unrecognised = 0, ...rest } = summary;
  return { ...rest, folders, links, special, unnameable, unrecognised };
}

export const signedReceiptSchema: z.ZodType<Signed<Receipt>> = signedSchema(receiptSchema);

const STAGES = ['scanning', 'uploading', 'fetching', 'staging', 'applying', 'verifying'] as const;

export const progressSchema = z.strictObject({
  format: z.literal(PROGRESS_FORMAT),
  order: orderIdSchema,
  server: serverIdSchema,
  at: z.iso.datetime(),
  stage: z.enum(STAGES),
  filesDone: countSchema,
  filesTotal: countSchema,
  bytesDone: countSchema,
  bytesTotal: countSchema,
});

/** Written at most every few seconds, signed; also the agent's heartbeat while it works. */
export type Progress = z.infer<typeof progressSchema>;

export const signedProgressSchema: z.ZodType<Signed<Progress>> = signedSchema(progressSchema);

export const statusSchema = z.strictObject({
  format: z.literal(STATUS_FORMAT),
  server: serverIdSchema,
  seenAt: z.iso.datetime(),
  agent: z.string().max(40),
  lastSequence: countSchema,
  manifest: sha256Schema.optional(),
  /** What the store shows this agent of its orders; absent before its first look. docs/design.md, Freeze. */
  orders: z
    .strictObject({
      /** The newest that it was ever shown; 0 before the first. */
      newest: countSchema,
      /** When that was issued; where that is not known, since when no newer one has been shown. */
      since: z.iso.datetime(),
      /** Its last look that was answered. */
      lookedAt: z.iso.datetime(),
    })
    .optional(),
  /** What a store that shows all that was written cannot do: this agent is served something old. */
  staleStore: z.strictObject({ since: z.iso.datetime(), detail: z.string().max(400) }).optional(),
});

export type AgentStatus = z.infer<typeof statusSchema>;

export const signedStatusSchema: z.ZodType<Signed<AgentStatus>> = signedSchema(statusSchema);

/** The key that an agent made; created once, so that nobody can quietly take its place. */
export const enrolmentSchema = z.strictObject({
  format: z.literal(ENROLMENT_FORMAT),
  server: serverIdSchema,
  publicKey: publicKeySchema,
  enrolledAt: z.iso.datetime(),
});

export const CONTROL_KEY_FORMAT = 'lockstep-control-key/1';

export const controlKeySchema = z.strictObject({ format: z.literal(CONTROL_KEY_FORMAT), publicKey: publicKeySchema });
