import * as z from 'zod';
import type { Sha256 } from '#core/digest.ts';
import { parseValue } from '#core/documents.ts';
import { type ContentKey, keys, parseContentKey } from '#core/keys.ts';
import type { ObjectInfo } from '#core/ports/object-store.ts';
import { DAY, retainedSnapshots } from '#core/retention.ts';
import { judgeObject, MOST_MARKS, type SweepReport } from '#core/sweep.ts';
import type { SyncRequest } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { GaveWay, SweepHold } from './hold.ts';
import { readMarks, type StoredMarks, writeMarks } from './marks.ts';
import { readNamed, readNeeds } from './read-needs.ts';
import { readSyncs } from './read-syncs.ts';
import { Tallies } from './tallies.ts';

const eventSchema = z.strictObject({
  /** Whom a sync that has to wait is told of. */
  by: z.string().min(1).max(200).default('a schedule'),
  dryRun: z.boolean().default(false),
  /** Snapshots of each source. */
  keep: z.int().min(1).max(10_000).default(3),
  keepDays: z.int().min(0).max(100_000).default(30),
  /** Days for which an object must have been marked before it is removed. */
  graceDays: z.int().min(0).max(100_000).default(7),
});

type Wish = z.infer<typeof eventSchema>;

export type PruneDependencies = Pick<Dependencies, 'store' | 'now' | 'log'> & {
  readonly onProgress?: (progress: SweepProgress) => void;
  /** Ends the sweep between two calls to the store. */
  readonly signal?: AbortSignal;
};

export interface SweepProgress {
  readonly stage: 'reading' | 'removing';
  /** Objects. */
  readonly done: number;
  /** Known only of what is removed. */
  readonly total?: number;
}

/**
 * Marks the snapshots, indexes and packs that no retained snapshot needs, and removes what has been marked for the
 * grace: snapshots first, then indexes, then packs, so that where a snapshot is, all that it leads to is. Gives way to
 * syncs: docs/design.md, Prune. InvalidDocument, and nothing is removed, when something that stays cannot be read.
 */
export async function prune(dependencies: PruneDependencies, event: unknown): Promise<SweepReport> {
  const wish = parseValue('prune event', eventSchema, event);
  const tallies = new Tallies();
  if (wish.dryRun) {
    const { takingStock } = await survey(dependencies, {
      wish,
      tallies,
      assertHeld: async () => undefined,
    });
    const [busy] = takingStock;
    const gaveWay = busy && { gaveWay: describeBusy(busy) };
    return { dryRun: true, ...gaveWay, counts: tallies.counts('removed') };
  }
  const hold = await SweepHold.take(dependencies, wish.by);
  try {
    await sweep(dependencies, { wish, tallies, assertHeld: () => hold.assertHeld() });
    return { dryRun: false, counts: tallies.counts('waiting') };
  } catch (error) {
    if (!(error instanceof GaveWay)) throw error;
    return { dryRun: false, gaveWay: error.message, counts: tallies.counts('waiting') };
  } finally {
    await hold.release();
  }
}

interface Sweep {
  readonly wish: Wish;
  readonly tallies: Tallies;
  readonly assertHeld: () => Promise<void>;
}

async function sweep(dependencies: PruneDependencies, work: Sweep): Promise<void> {
  const { due, former, marks } = await survey(dependencies, work);
  await work.assertHeld();
  const written = await writeMarks(dependencies, former, marks);
  await remove(dependencies, work, due);
  const left = new Map(marks);
  for (const { key } of due) left.delete(key);
  await writeMarks(dependencies, written, left);
}

interface Survey {
  readonly takingStock: readonly SyncRequest[];
  readonly former: StoredMarks;
  /** As they are to be, also of what is due. */
  readonly marks: ReadonlyMap<string, string>;
  /** To be removed, in this order. */
  readonly due: readonly DueObject[];
}

interface DueObject extends Pick<ObjectInfo, 'key' | 'size'> {
  readonly kind: ContentKey['kind'];
}

/** Looks at everything, and writes nothing but the withdrawal of silent sources' orders. */
async function survey(dependencies: PruneDependencies, work: Sweep): Promise<Survey> {
  const { now } = dependencies;
  const { assertHeld, wish } = work;
  const startedAt = now();
  const { named, takingStock } = await readSyncs(dependencies, { mayWithdraw: !wish.dryRun, assertHeld });
  const [busy] = takingStock;
  if (busy !== undefined && !wish.dryRun) throw new GaveWay(describeBusy(busy));

  const look = new Look(dependencies, work);
  const snapshots = await look.sizes(keys.snapshots());
  const retained = retainedSnapshots(
    named.filter(({ snapshot }) => snapshots.has(snapshot)),
    wish,
    startedAt,
  );
  const former = await readMarks(dependencies);
  const judge = new Judge(work, former.marks, startedAt);
  const staying = judge.each('snapshot', snapshots, { needed: retained, held: new Set() });

  const indexes = await look.sizes(keys.indexes());
  const reading = { indexSizes: indexes, beforeEach: assertHeld };
  const sources = new Map(
    named.filter(({ snapshot }) => retained.has(snapshot)).map((one) => [one.snapshot, one.source]),
  );
  const needed = await readNeeds(dependencies, sources, reading);
  const held = await readNamed(dependencies, staying, reading);
  judge.each('index', indexes, { needed: needed.indexes, held: held.indexes });
  const packs = { needed: needed.packs, held: held.packs };
  await look.at(keys.packs(), (seen) => judge.one('pack', seen, packs));
  return { takingStock, former, marks: judge.marks, due: judge.due };
}

interface Leads {
  readonly needed: ReadonlySet<Sha256>;
  readonly held: ReadonlySet<Sha256>;
}

interface Seen {
  readonly digest: Sha256;
  readonly size: number;
}

/** Decides on one object after the other. */
class Judge {
  readonly marks = new Map<string, string>();
  readonly due: DueObject[] = [];
  readonly #work: Sweep;
  readonly #former: ReadonlyMap<string, string>;
  readonly #now: Date;

  constructor(work: Sweep, former: ReadonlyMap<string, string>, now: Date) {
    this.#work = work;
    this.#former = former;
    this.#now = now;
  }

  /** Those that are neither needed nor to be removed now. */
  each(kind: ContentKey['kind'], seen: ReadonlyMap<Sha256, number>, leads: Leads): Sha256[] {
    return [...seen].flatMap(([digest, size]) => {
      const fate = this.one(kind, { digest, size }, leads);
      return fate === 'marked' || fate === 'waiting' ? [digest] : [];
    });
  }

  one(kind: ContentKey['kind'], { digest, size }: Seen, { held, needed }: Leads): ReturnType<typeof judgeObject> {
    const { tallies, wish } = this.#work;
    const key = keys[kind](digest);
    const markedAt = this.#former.get(key);
    const object = { isNeeded: needed.has(digest), isHeld: held.has(digest), markedAt };
    const judged = judgeObject(object, this.#now, wish.graceDays * DAY);
    const fate = judged !== 'kept' && this.marks.size >= MOST_MARKS ? 'waiting' : judged;
    tallies.add(kind, fate, size);
    if (judged !== 'kept' && this.marks.size < MOST_MARKS) this.marks.set(key, markedAt ?? this.#now.toISOString());
    if (fate === 'due') this.due.push({ kind, key, size });
    return fate;
  }
}

/** Goes through the objects that a sweep may remove. */
class Look {
  readonly #dependencies: PruneDependencies;
  readonly #work: Sweep;
  #done = 0;

  constructor(dependencies: PruneDependencies, work: Sweep) {
    this.#dependencies = dependencies;
    this.#work = work;
  }

  async at(prefix: string, take: (seen: Seen) => void): Promise<void> {
    const { onProgress, signal, store } = this.#dependencies;
    for await (const { key, size } of store.list(prefix)) {
      signal?.throwIfAborted();
      const { digest } = parseContentKey(key) ?? {};
      if (digest !== undefined) take({ digest, size });
      this.#done++;
      if (this.#done % LOOKED_AT_ONCE !== 0) continue;
      onProgress?.({ stage: 'reading', done: this.#done });
      await this.#work.assertHeld();
    }
  }

  async sizes(prefix: string): Promise<Map<Sha256, number>> {
    const sizes = new Map<Sha256, number>();
    await this.at(prefix, ({ digest, size }) => sizes.set(digest, size));
    return sizes;
  }
}

/** All of one kind are gone before the first of the next goes. */
async function remove(
  { onProgress, signal, store }: PruneDependencies,
  { assertHeld, tallies }: Sweep,
  due: readonly DueObject[],
): Promise<void> {
  let done = 0;
  for (const kind of ['snapshot', 'index', 'pack'] as const) {
    const ofKind = due.filter((one) => one.kind === kind);
    for (let at = 0; at < ofKind.length; at += REMOVED_AT_ONCE) {
      signal?.throwIfAborted();
      await assertHeld();
      const batch = ofKind.slice(at, at + REMOVED_AT_ONCE);
      await Promise.all(batch.map(({ key }) => store.delete(key)));
      for (const { size } of batch) tallies.remove(kind, size);
      done += batch.length;
      onProgress?.({ stage: 'removing', done, total: due.length });
    }
  }
}

function describeBusy({ source, sync }: SyncRequest): string {
  return `sync ${sync} is taking stock of ${source}`;
}

const LOOKED_AT_ONCE = 1000;
const REMOVED_AT_ONCE = 32;
