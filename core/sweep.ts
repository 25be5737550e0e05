import * as z from 'zod';
import { type ContentKey, parseContentKey } from './keys.ts';

export const SWEEP_MARKS_FORMAT = 'lockstep-sweep-marks/1';

/** How long a lease lasts that is not renewed. */
export const LEASE_MILLISECONDS = 300_000;
/** With less left than this nothing is removed: more than clocks differ, and than a call to the store lasts. */
export const LEASE_MARGIN_MILLISECONDS = 120_000;

export const sweepMarksSchema = z.strictObject({
  format: z.literal(SWEEP_MARKS_FORMAT),
  /** By key: when it was first found to be needed no more. */
  marks: z.record(
    z.string().refine((key) => parseContentKey(key) !== undefined, 'expected the key of a snapshot, index or pack'),
    z.iso.datetime(),
  ),
});

export type SweepMarks = z.infer<typeof sweepMarksSchema>['marks'];

/** More than this many objects are marked by later sweeps: the marks are one document. */
export const MOST_MARKS = 300_000;

/** `kept`: needed. `marked`: from now on. `waiting`: marked before, and not removed yet. `due`: to be removed. */
export type Fate = 'kept' | 'marked' | 'waiting' | 'due';

export interface SeenObject {
  /** A retained snapshot leads to it. */
  readonly isNeeded: boolean;
  /** A snapshot that stays for now leads to it: where a snapshot is, all that it leads to is. */
  readonly isHeld: boolean;
  readonly markedAt: string | undefined;
}

export function judgeObject({ isHeld, isNeeded, markedAt }: SeenObject, now: Date, graceMilliseconds: number): Fate {
  if (isNeeded) return 'kept';
  const age = markedAt === undefined ? 0 : now.getTime() - Date.parse(markedAt);
  if (!isHeld && age >= graceMilliseconds) return 'due';
  return markedAt === undefined ? 'marked' : 'waiting';
}

export interface Tally {
  readonly objects: number;
  readonly bytes: number;
}

/** What became of the objects of one kind. */
export type SweepCounts = Readonly<Record<Exclude<Fate, 'due'> | 'removed', Tally>>;

/** What a sweep did or, as a dry run, would do. */
export interface SweepReport {
  readonly dryRun: boolean;
  /** Why it ended before it was through; absent when it was. What was not reached is counted as waiting. */
  readonly gaveWay?: string;
  readonly counts: Readonly<Record<ContentKey['kind'], SweepCounts>>;
}
