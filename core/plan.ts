import * as z from 'zod';
import { plannedBaselineSchema } from './baseline.ts';
import { canonicalJson } from './canonical-json.ts';
import { isSyncedClass } from './classify.ts';
import { type Sha256, sha256, sha256Schema } from './digest.ts';
import { assertDigestOfLines, compressLines, decompressLines, digestOfLines, parseLine } from './documents.ts';
import { InvalidDocument, REFUSAL_REASONS } from './errors.ts';
import { folderPathSchema, leftOutSchema } from './manifest.ts';
import { artifactClassSchema } from './profile.ts';
import { relativePathSchema } from './relative-path.ts';
import { type ServerId, serverIdSchema } from './server.ts';
import { type CopyMode, copyModeSchema, syncIdSchema, syncPolicySchema } from './sync.ts';
import { transferEstimateSchema } from './transfer-estimate.ts';

export const PLAN_FORMAT = 'lockstep-plan/1';
export const PLAN_BATCH_FORMAT = 'lockstep-plan-batch/1';
export const PART_FORMAT = 'lockstep-plan-part/1';

const countSchema = z.int().nonnegative();

const syncedClassSchema = artifactClassSchema.refine(isSyncedClass, 'this class is never written');

const contentFields = {
  class: syncedClassSchema,
  mode: z.int().min(0).max(0o7777).nullable(),
  mtime: z.int(),
  path: relativePathSchema,
  sha256: sha256Schema,
  size: countSchema,
};

/** What a file was before; the agent finds exactly this, or refuses. */
const formerSchema = z.strictObject({ sha256: sha256Schema, size: countSchema });

export const operationSchema = z.discriminatedUnion('change', [
  z.strictObject({ change: z.literal('create'), ...contentFields }),
  z.strictObject({ change: z.literal('update'), ...contentFields, former: formerSchema }),
  z.strictObject({
    change: z.literal('remove'),
    class: syncedClassSchema,
    path: relativePathSchema,
    former: formerSchema,
  }),
  z.strictObject({ change: z.literal('create-folder'), path: folderPathSchema }),
  /** Only in a rollback; one that is no longer empty stays. */
  z.strictObject({ change: z.literal('remove-folder'), path: folderPathSchema }),
]);

/** One step of a plan part. Artifacts that stay as they are (`keep`) are only counted. */
export type Operation = z.infer<typeof operationSchema>;

/** An operation that brings content. */
export type ContentOperation = Extract<Operation, { readonly change: 'create' | 'update' }>;

export function bringsContent(operation: Operation): operation is ContentOperation {
  return operation.change === 'create' || operation.change === 'update';
}

export const changeCountsSchema = z.strictObject({
  create: countSchema,
  update: countSchema,
  remove: countSchema,
  keep: countSchema,
});

export type ChangeCounts = z.infer<typeof changeCountsSchema>;

export const classChangesSchema = changeCountsSchema.extend({
  /** Bytes of the files created or updated. */
  bytes: countSchema,
});

export type ClassChanges = z.infer<typeof classChangesSchema>;

const headerFields = {
  format: z.literal(PART_FORMAT),
  sync: syncIdSchema,
  server: serverIdSchema,
  destinationManifest: sha256Schema,
  /** The state that the agent must find before its first write. */
  stateBefore: sha256Schema,
  /** The state that it must find after its last. */
  stateAfter: sha256Schema,
  profile: sha256Schema,
};

const partHeaderSchema = z.discriminatedUnion('mode', [
  z.strictObject({
    ...headerFields,
    mode: copyModeSchema,
    source: serverIdSchema,
    sourceManifest: sha256Schema,
    /** The index that says where the content lies. */
    snapshot: sha256Schema,
  }),
  /** All content is at the destination: files of its own, and the pre-images of earlier applies. */
  z.strictObject({ ...headerFields, mode: z.literal('rollback'), rollbackOf: syncIdSchema }),
]);

export type PartHeader = z.infer<typeof partHeaderSchema>;
export type CopyPartHeader = Extract<PartHeader, { readonly mode: CopyMode }>;

/** What one destination has to do: bound by its digest, carried by its order. */
export interface PlanPart {
  readonly header: PartHeader;
  /** Sorted by path. */
  readonly operations: readonly Operation[];
}

export function encodePart(part: PlanPart): { readonly digest: Sha256; readonly bytes: Uint8Array } {
  const lines = partLines(part);
  return { digest: digestOfLines(lines), bytes: compressLines(lines) };
}

/** Parses a part from the store, where anybody may have written; its digest is what was approved. */
export function decodePart(bytes: Uint8Array, expected: Sha256): PlanPart {
  const { header, lines, parse } = openPart(bytes, expected);
  const operations: Operation[] = [];
  let last = '';
  for (const line of lines) {
    const operation = parse(line);
    if (operation.path <= last)
      throw new InvalidDocument(`plan part ${expected}`, `${JSON.stringify(operation.path)} is out of order`);
    last = operation.path;
    operations.push(operation);
  }
  return { header, operations };
}

/** A part of which only some operations are looked at: a part may have a million. */
export interface OpenPart {
  readonly header: PartHeader;
  /** One operation each, in the canonical form, sorted by path. */
  readonly lines: Iterable<string>;
  /** As strict as `decodePart`. */
  readonly parse: (line: string) => Operation;
}

/** As strict about the digest. */
export function openPart(bytes: Uint8Array, expected: Sha256): OpenPart {
  const what = `plan part ${expected}`;
  assertDigestOfLines(what, bytes, expected);
  const lines = decompressLines(what, bytes);
  return { header: firstHeader(what, lines), lines, parse: (line) => parseCanonical(what, operationSchema, line) };
}

/** As strict about the digest, but holds no operation: a part may have a million. */
export function decodePartHeader(bytes: Uint8Array, expected: Sha256): PartHeader {
  return openPart(bytes, expected).header;
}

function firstHeader(what: string, lines: Iterator<string>): PartHeader {
  const first = lines.next();
  if (first.done === true) throw new InvalidDocument(what, 'it is empty');
  return parseCanonical(what, partHeaderSchema, first.value);
}

function parseCanonical<T>(what: string, schema: z.ZodType<T>, line: string): T {
  const value = parseLine(what, schema, line);
  if (canonicalJson(value) !== line) throw new InvalidDocument(what, 'a line of it is not in the canonical form');
  return value;
}

function partLines(part: PlanPart): string[] {
  return [canonicalJson(part.header), ...part.operations.map(canonicalJson)];
}

/** What was changed at a destination since a sync left it, and will be overwritten, removed, or brought back. */
const localEditsSchema = z.strictObject({
  /** Of the last whole sync. */
  since: z.iso.datetime(),
  count: countSchema,
  /** The first of those, by path. */
  files: z.array(z.strictObject({ edit: z.enum(['added', 'deleted', 'edited']), path: z.string() })).max(20),
});

export type LocalEdits = z.infer<typeof localEditsSchema>;

/** One destination in a plan: something to do, nothing to do, or a reason why nothing will be done. */
export const destinationSchema = z.discriminatedUnion('outcome', [
  z.strictObject({
    outcome: z.literal('changes'),
    server: serverIdSchema,
    part: sha256Schema,
    counts: changeCountsSchema,
    /** Bytes of the files created or updated. */
    bytes: countSchema,
    classes: z.record(z.string(), classChangesSchema),
    /** What will travel; absent where the source's indexes do not say it. Information: no approval is about it. */
    estimate: transferEstimateSchema.optional(),
    /** A few paths a person should see before deciding: removals first, then the largest. */
    notable: z
      .array(z.strictObject({ change: z.enum(['create', 'update', 'remove']), path: z.string(), size: countSchema }))
      .max(20),
    protected: countSchema,
    unrecognised: countSchema,
    /** What the approval has to acknowledge besides: core/removals.ts. */
    needs: z
      .array(z.enum(['removals']))
      .max(1)
      .optional(),
    localEdits: localEditsSchema.optional(),
    baseline: plannedBaselineSchema.optional(),
  }),
  z.strictObject({
    outcome: z.literal('in-sync'),
    server: serverIdSchema,
    counts: changeCountsSchema,
    baseline: plannedBaselineSchema.optional(),
    protected: countSchema,
    unrecognised: countSchema,
  }),
  z.strictObject({
    outcome: z.literal('refused'),
    server: serverIdSchema,
    reason: z.enum(REFUSAL_REASONS),
    detail: z.string().max(2000),
  }),
  z.strictObject({ outcome: z.enum(['offline', 'failed']), server: serverIdSchema, detail: z.string().max(2000) }),
]);

export type PlannedDestination = z.infer<typeof destinationSchema>;

export const planSchema = z.strictObject({
  format: z.literal(PLAN_FORMAT),
  sync: syncIdSchema,
  /** SHA-256 over what an approval binds; see `planDigest`. */
  digest: sha256Schema,
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  requestedBy: z.string(),
  policy: syncPolicySchema,
  rollbackOf: syncIdSchema.optional(),
  source: z.strictObject({
    server: serverIdSchema,
    manifest: sha256Schema,
    artifacts: countSchema,
    bytes: countSchema,
    bytesUploaded: countSchema,
    secondsUploading: z.number().nonnegative().optional(),
    protected: countSchema,
    leftOut: countSchema,
    /** The first of those, by name. */
    leftOutNotable: z.array(leftOutSchema).max(20),
  }),
  destinations: z.array(destinationSchema).max(20_000),
});

/** `syncs/{sync}/plan.json`, created once and signed by the control plane. */
export type Plan = z.infer<typeof planSchema>;

/** Of a sync with more destinations than one call can plan: some of them, to be joined. Signed, for a plan is made of it. */
export const planBatchSchema = z.strictObject({
  format: z.literal(PLAN_BATCH_FORMAT),
  sync: syncIdSchema,
  /** The place of the first of them in the request. */
  first: countSchema,
  destinations: z.array(destinationSchema).min(1).max(1000),
});

export type PlanBatch = z.infer<typeof planBatchSchema>;

/** SHA-256 over canonical JSON of {sync, parts' digests sorted by server, policy, expiry}. */
export function planDigest(plan: Pick<Plan, 'sync' | 'policy' | 'expiresAt' | 'destinations'>): Sha256 {
  const parts = plan.destinations
    .filter((destination) => destination.outcome === 'changes')
    .map(({ server, part }) => ({ server, part }))
    .sort((a, b) => (a.server < b.server ? -1 : 1));
  return sha256(canonicalJson({ sync: plan.sync, parts, policy: plan.policy, expiresAt: plan.expiresAt }));
}

/** What a person reads back to show that he means this plan. */
export function shortCode(digest: Sha256): string {
  return `${digest.slice(0, 4)}-${digest.slice(4, 8)}`;
}

/** What the plan says of this server; found as fast in a plan of ten thousand. */
export function plannedFor(plan: Pick<Plan, 'destinations'>, server: ServerId): PlannedDestination | undefined {
  const { destinations } = plan;
  const byServer = PLANNED.get(destinations) ?? new Map(destinations.map((one) => [one.server, one]));
  PLANNED.set(destinations, byServer);
  return byServer.get(server);
}

const PLANNED = new WeakMap<Plan['destinations'], ReadonlyMap<ServerId, PlannedDestination>>();

export function hasChanges(plan: Plan): boolean {
  return plan.destinations.some((destination) => destination.outcome === 'changes');
}
