import * as z from 'zod';
import { sha256Schema } from './digest.ts';
import { artifactClassSchema } from './profile.ts';
import { serverIdSchema } from './server.ts';
import { syncIdSchema } from './sync.ts';

const BASELINE_FORMAT = 'lockstep-baseline/1';

/** A profile has no more rules. */
export const MOST_CLASSES = 400;

/** What the plan says of a destination, so that the report can write its baseline. */
export const plannedBaselineSchema = z.strictObject({
  /** What the destination held when the plan was made. */
  manifest: sha256Schema,
  /** Of which the source held files. */
  sourceClasses: z.array(artifactClassSchema).max(MOST_CLASSES),
});

const MOST_PARTS = 20;

/**
 * `baselines/{site}/{name}.json`: what syncs have left at a server, by its own receipts. What differs from it later was
 * changed there by somebody else.
 */
export const baselineSchema = plannedBaselineSchema.extend({
  format: z.literal(BASELINE_FORMAT),
  server: serverIdSchema,
  /** Of the newest sync; the classes are those of this one. */
  source: serverIdSchema,
  /** When the server last was as a whole sync left it; by the clock of its agent, as is `at`. */
  since: z.iso.datetime(),
  /** The newest receipt that this takes account of. */
  at: z.iso.datetime(),
  /** What was done to `manifest`, in this order. */
  parts: z.array(z.strictObject({ sync: syncIdSchema, part: sha256Schema })).max(MOST_PARTS),
  /** The state that this makes; `null` where a sync of some classes came later, and others may have been edited. */
  state: sha256Schema.nullable(),
});

export type Baseline = z.infer<typeof baselineSchema>;

/** What one sync has left, or found to be as it should be. */
export interface Left extends Pick<Baseline, 'server' | 'source' | 'at'> {
  /** As the plan says it; a rollback's does not. */
  readonly planned: z.infer<typeof plannedBaselineSchema> | undefined;
  readonly state: NonNullable<Baseline['state']>;
  /** `undefined` where there was nothing to do. */
  readonly part: Baseline['parts'][number] | undefined;
  /** Whether the sync knows nothing of some files: it was of some classes only, or a rollback. */
  readonly isPartial: boolean;
}

/** The baseline after one more sync. Reports of two syncs may come in another order than their receipts. */
export function nextBaseline(former: Baseline | undefined, left: Left): Baseline | undefined {
  const { at, isPartial, part, planned, server, source, state } = left;
  if (former !== undefined && former.at >= at) return former;
  if (isPartial && part === undefined) return former;
  if (isPartial && part !== undefined && former !== undefined && former.parts.length < MOST_PARTS) {
    const brought = planned && { source, sourceClasses: planned.sourceClasses };
    return { ...former, ...brought, at, parts: [...former.parts, part], state: null };
  }
  if (planned === undefined) return undefined;
  const parts = part === undefined ? [] : [part];
  return { ...planned, format: BASELINE_FORMAT, server, source, since: at, at, parts, state };
}
