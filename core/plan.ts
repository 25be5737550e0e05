import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { LineHasher, type Sha256, sha256, sha256Schema } from './digest.ts';
import { compressLines, decompressLines, parseJson, parseValue } from './documents.ts';
import { InvalidDocument, REFUSAL_REASONS } from './errors.ts';
import { folderPathSchema, leftOutSchema } from './manifest.ts';
import { relativePathSchema } from './path-rules.ts';
import { artifactClassSchema, isSyncedClass } from './profile.ts';
import { serverIdSchema } from './server.ts';
import { syncIdSchema, syncModeSchema, syncPolicySchema } from './sync.ts';
import { transferEstimateSchema } from './transfer-estimate.ts';

export const PLAN_FORMAT = 'lockstep-plan/1';
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

const partHeaderSchema = z.strictObject({
  format: z.literal(PART_FORMAT),
  sync: syncIdSchema,
  server: serverIdSchema,
  source: serverIdSchema,
  sourceManifest: sha256Schema,
  destinationManifest: sha256Schema,
  /** The state that the agent must find before its first write. */
  stateBefore: sha256Schema,
  /** The state that it must find after its last. */
  stateAfter: sha256Schema,
  /** The index that says where the content lies. */
  snapshot: sha256Schema,
  profile: sha256Schema,
  mode: syncModeSchema,
});

export type PartHeader = z.infer<typeof partHeaderSchema>;

/** What one destination has to do: bound by its digest, carried by its order. */
export interface PlanPart {
  readonly header: PartHeader;
  /** Sorted by path. */
  readonly operations: readonly Operation[];
}

export function encodePart(part: PlanPart): { readonly digest: Sha256; readonly bytes: Uint8Array } {
  const lines = partLines(part);
  return { digest: digestOf(lines), bytes: compressLines(lines) };
}

/** Parses a part from the store, where anybody may have written; its digest is what was approved. */
export function decodePart(bytes: Uint8Array, expected: Sha256): PlanPart {
  const what = `plan part ${expected}`;
  const [first, ...rest] = decompressLines(what, bytes);
  if (first === undefined) throw new InvalidDocument(what, 'it is empty');
  const header = parseValue(what, partHeaderSchema, parseJson(what, first));
  const operations = rest.map((line) => parseValue(what, operationSchema, parseJson(what, line)));
  const part = { header, operations };
  for (let index = 1; index < operations.length; index++) {
    const [before, after] = [operations[index - 1]?.path ?? '', operations[index]?.path ?? ''];
    if (before >= after) throw new InvalidDocument(what, `${JSON.stringify(after)} is out of order`);
  }
  const digest = digestOf(partLines(part));
  if (digest !== expected) throw new InvalidDocument(what, `its digest is ${digest}`);
  return part;
}

function partLines(part: PlanPart): string[] {
  return [canonicalJson(part.header), ...part.operations.map(canonicalJson)];
}

function digestOf(lines: readonly string[]): Sha256 {
  const hasher = new LineHasher();
  for (const line of lines) hasher.add(line);
  return hasher.digest();
}

/** One destination in a plan: something to do, nothing to do, or a reason why nothing will be done. */
const destinationSchema = z.discriminatedUnion('outcome', [
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
  }),
  z.strictObject({
    outcome: z.literal('in-sync'),
    server: serverIdSchema,
    counts: changeCountsSchema,
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

export function hasChanges(plan: Plan): boolean {
  return plan.destinations.some((destination) => destination.outcome === 'changes');
}
