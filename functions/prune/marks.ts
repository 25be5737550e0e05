import { encodeDocument, parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { SWEEP_MARKS_FORMAT, type SweepMarks, sweepMarksSchema } from '#core/sweep.ts';
import type { Dependencies } from '../dependencies.ts';

export interface StoredMarks {
  readonly marks: ReadonlyMap<string, string>;
  /** `undefined`: there are none yet. */
  readonly etag: string | undefined;
}

export async function readMarks({ store }: Pick<Dependencies, 'store'>): Promise<StoredMarks> {
  const stored = await store.get(keys.sweepMarks());
  if (stored === undefined) return { marks: new Map(), etag: undefined };
  const { marks } = parseDocument(keys.sweepMarks(), sweepMarksSchema, stored.body);
  return { marks: new Map(Object.entries(marks)), etag: stored.etag };
}

/** Nothing where nothing changes. StorePrecondition when somebody else has written them since. */
export async function writeMarks(
  { store }: Pick<Dependencies, 'store'>,
  former: StoredMarks,
  marks: ReadonlyMap<string, string>,
): Promise<StoredMarks> {
  const isSame = marks.size === former.marks.size && [...marks].every(([key, at]) => former.marks.get(key) === at);
  if (isSame) return former;
  const named: SweepMarks = Object.fromEntries(marks);
  const body = encodeDocument({ format: SWEEP_MARKS_FORMAT, marks: named });
  const key = keys.sweepMarks();
  const { etag } = await (former.etag === undefined ? store.create(key, body) : store.replace(key, body, former.etag));
  return { marks, etag };
}
