import { isSyncedClass } from './classify.ts';
import { type Hasher, LineHasher, type Sha256 } from './digest.ts';
import { type Artifact, type ManifestEntry, type ManifestSummary, stateLine } from './manifest.ts';
import { commonLines, type ManifestReader, openManifest, type StoredManifest } from './manifest-lines.ts';
import { PlainLines, type Stretch, type StretchRead } from './plain-lines.ts';
import type { ChangeCounts, ClassChanges, Operation } from './plan.ts';
import type { SyncMode } from './sync.ts';

export interface Differences {
  /** Sorted by path. */
  readonly operations: readonly Operation[];
  readonly counts: ChangeCounts;
  readonly bytes: number;
  readonly classes: Readonly<Record<string, ClassChanges>>;
  /** Of which the source holds files, also where they do not travel this time. */
  readonly sourceClasses: readonly string[];
  /** The state digest of the destination once the operations are done. */
  readonly stateAfter: Sha256;
  /** Why the operations cannot be done as they stand; empty when they can. */
  readonly conflicts: readonly string[];
}

/**
 * What has to happen at the destination, found by one merge of two manifests sorted by path. Overwriting leaves
 * alone what the source lacks; a mirror removes it, in the classes that travel. An empty folder has no class, so it
 * travels only when all classes do.
 */
export function findDifferences(
  source: readonly ManifestEntry[],
  destination: readonly ManifestEntry[],
  options: DifferenceOptions,
): Differences {
  const collector = new Collector(options);
  for (const pair of mergeByPath(source, destination)) collector.take(pair);
  return collector.finish();
}

interface DifferenceOptions {
  readonly mode: SyncMode;
  readonly only?: readonly string[] | undefined;
}

interface StoredDifferenceOptions extends DifferenceOptions {
  /** For whoever has more than one processor. */
  readonly newHasher?: (() => Hasher) | undefined;
}

/**
 * The same of two manifests as they lie in the store, neither of which is ever held. Lines that are the same on both
 * sides are checked and counted once, as bytes; that nothing was skipped, the digests of both manifests say.
 */
export function findStoredDifferences(
  source: StoredManifest,
  destination: StoredManifest,
  options: StoredDifferenceOptions,
): { readonly differences: Differences; readonly source: ManifestSummary; readonly destination: ManifestSummary } {
  const { newHasher } = options;
  const [ours, theirs] = [openManifest(source, newHasher), openManifest(destination, newHasher)];
  const collector = new Collector(options, { source: ours.state, destination: theirs.state });
  while (!ours.isAtEnd || !theirs.isAtEnd) {
    const common = commonLines(ours, theirs);
    if (common > 0) {
      keepLines({ ours, theirs, collector }, common);
      continue;
    }
    collector.plain.flush();
    const pair = firstOf(ours.see(), theirs.see());
    collector.take(pair);
    if (pair.ours !== undefined) ours.pass(pair.ours);
    if (pair.theirs !== undefined) theirs.pass(pair.theirs);
  }
  collector.plain.flush();
  const [ourSummary, theirSummary] = [ours.finish(collector.plain), theirs.finish(collector.plain)];
  return { differences: collector.finish(ourSummary.state), source: ourSummary, destination: theirSummary };
}

interface Merge {
  readonly ours: ManifestReader;
  readonly theirs: ManifestReader;
  readonly collector: Collector;
}

/** Lines that lie before both readers: one parsed, for the last may have been on one side only, then what is plain. */
function keepLines({ collector, ours, theirs }: Merge, length: number): void {
  for (let left = length; left > 0; ) {
    const both = ours.see();
    if (both === undefined) return;
    const { block, start } = ours.ahead;
    left -= block.indexOf(LINE_FEED, start) + 1 - start;
    collector.plain.flush();
    collector.keep(both);
    for (const side of [ours, theirs]) side.pass(both);
    if (left === 0) return;
    const ahead = ours.ahead;
    const read = collector.keepPlain(ahead.block, { ...ahead, end: ahead.start + left, last: both.path });
    left -= read.length;
    for (const side of [ours, theirs]) side.passPlain(read);
  }
}

/** What is at the lesser of the two paths. */
function firstOf(ours: ManifestEntry | undefined, theirs: ManifestEntry | undefined): Pair {
  if (theirs === undefined || (ours !== undefined && ours.path < theirs.path)) return { ours, theirs: undefined };
  if (ours === undefined || theirs.path < ours.path) return { ours: undefined, theirs };
  return { ours, theirs };
}

const LINE_FEED = 0x0a;

interface Pair {
  readonly ours: ManifestEntry | undefined;
  readonly theirs: ManifestEntry | undefined;
}

function* mergeByPath(source: readonly ManifestEntry[], destination: readonly ManifestEntry[]): Generator<Pair> {
  let s = 0;
  let d = 0;
  while (s < source.length || d < destination.length) {
    const pair = firstOf(source[s], destination[d]);
    yield pair;
    if (pair.ours !== undefined) s++;
    if (pair.theirs !== undefined) d++;
  }
}

/** Of both sides, as far as they have been read. */
interface ReadStates {
  readonly source: LineHasher;
  readonly destination: LineHasher;
}

class Collector {
  readonly #mode: SyncMode;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #operations: Operation[] = [];
  readonly #classes = new Map<
    string,
    { create: number; update: number; remove: number; keep: number; bytes: number }
  >();
  readonly #sourceClasses = new Set<string>();
  #last: { readonly class: string; readonly counts: Record<keyof ClassChanges, number> } | undefined;
  /** Towards stateAfter; `undefined` as long as that is the state of the source's lines that have been passed. */
  #state: LineHasher | undefined;
  readonly #states: ReadStates | undefined;
  readonly #conflicts: string[] = [];
  /** Of what is kept; to be flushed before anything else counts towards a state. */
  readonly plain: PlainLines;
  readonly #result: ResultingTree;

  /** `states` are those that lines on both sides count towards, besides stateAfter; others are the readers' business. */
  constructor({ mode, only }: DifferenceOptions, states?: ReadStates) {
    this.#mode = mode;
    this.#only = only === undefined ? undefined : new Set(only);
    this.#states = states;
    if (states === undefined) this.#state = new LineHasher();
    this.plain = new PlainLines((lines) => {
      for (const state of [this.#state, states?.source, states?.destination]) state?.addText(lines);
    });
    this.#result = new ResultingTree(this.plain.above);
  }

  /** What is the same on both sides, and stays. */
  keep(both: ManifestEntry): void {
    if (both.kind === 'artifact') {
      this.#countsOf(both.class).keep++;
      this.#sourceClasses.add(both.class);
      this.#state?.add(stateLine(both));
    }
    this.#result.add(both.path, false);
  }

  /** The same, as far as the lines are plain, that come after one that was kept; not where something new is near. */
  keepPlain(block: Buffer, stretch: Stretch): StretchRead {
    if (this.#result.hasNewAbove) return { length: 0, lines: 0, lastPath: stretch.last };
    const read = this.plain.read(block, stretch);
    this.#result.moveTo(read.lastPath);
    return read;
  }

  take({ ours, theirs }: Pair): void {
    if (ours?.kind === 'artifact') this.#sourceClasses.add(ours.class);
    if (ours?.kind === 'artifact' && !this.#travels(ours)) this.#leaveSource();
    if (ours?.kind === 'artifact' && this.#travels(ours)) this.#takeArtifact(ours, theirs);
    else if (theirs?.kind === 'artifact') this.#takeOther(theirs, ours);
    else if (theirs !== undefined) this.#result.add(theirs.path, false);
    else if (ours?.kind === 'folder' && this.#only === undefined) this.#createFolder(ours.path);
  }

  /** `sourceState` is that of all lines of the source. */
  finish(sourceState?: Sha256): Differences {
    for (const [artifactClass, lines] of this.plain.linesByClass()) {
      this.#countsOf(artifactClass).keep += lines;
      if (lines > 0) this.#sourceClasses.add(artifactClass);
    }
    const classes = Object.fromEntries([...this.#classes].sort(([a], [b]) => (a < b ? -1 : 1)));
    const sum = (field: keyof ClassChanges) => Object.values(classes).reduce((total, one) => total + one[field], 0);
    return {
      operations: this.#operations.filter(({ path }) => !this.#result.needlessFolders.has(path)),
      counts: { create: sum('create'), update: sum('update'), remove: sum('remove'), keep: sum('keep') },
      bytes: sum('bytes'),
      classes,
      sourceClasses: [...this.#sourceClasses].sort(),
      stateAfter: this.#state === undefined && sourceState !== undefined ? sourceState : this.#leaveSource().digest(),
      conflicts: [...this.#conflicts, ...this.#result.conflicts],
    };
  }

  #takeArtifact(ours: Artifact, theirs: ManifestEntry | undefined): void {
    if (theirs !== undefined && theirs.kind !== 'artifact') {
      this.#conflicts.push(`${JSON.stringify(ours.path)} is a ${theirs.kind} at the destination`);
      this.#leaveSource();
      return;
    }
    const counts = this.#countsOf(ours.class);
    const { class: artifactClass, mode, mtime, path, sha256, size } = ours;
    if (theirs === undefined) {
      this.#operations.push({ change: 'create', class: artifactClass, mode, mtime, path, sha256, size });
      counts.create++;
      counts.bytes += size;
    } else if (theirs.sha256 === sha256) {
      counts.keep++;
    } else {
      const former = { sha256: theirs.sha256, size: theirs.size };
      this.#operations.push({ change: 'update', class: artifactClass, mode, mtime, path, sha256, size, former });
      counts.update++;
      counts.bytes += size;
    }
    this.#state?.add(stateLine(ours));
    this.#result.add(path, theirs === undefined);
  }

  /** An artifact at the destination that the source lacks, or that is not to travel this time. */
  #takeOther(theirs: Artifact, ours: ManifestEntry | undefined): void {
    const counts = this.#countsOf(theirs.class);
    if (ours === undefined && this.#mode === 'mirror' && this.#travels(theirs)) {
      const former = { sha256: theirs.sha256, size: theirs.size };
      this.#operations.push({ change: 'remove', class: theirs.class, path: theirs.path, former });
      counts.remove++;
      return;
    }
    counts.keep++;
    this.#leaveSource().add(stateLine(theirs));
    this.#result.add(theirs.path, false);
  }

  /** From here on the destination will hold something else than the source. */
  #leaveSource(): LineHasher {
    this.#state ??= this.#states?.source.copy() ?? new LineHasher();
    return this.#state;
  }

  #createFolder(path: string): void {
    this.#operations.push({ change: 'create-folder', path });
    this.#result.add(path, true);
  }

  #travels(artifact: Artifact): boolean {
    return isSyncedClass(artifact.class) && (this.#only === undefined || this.#only.has(artifact.class));
  }

  #countsOf(artifactClass: string): { create: number; update: number; remove: number; keep: number; bytes: number } {
    // Of a million files nearly each is of the class of the one before.
    if (artifactClass === this.#last?.class) return this.#last.counts;
    const counts = this.#classes.get(artifactClass) ?? { create: 0, update: 0, remove: 0, keep: 0, bytes: 0 };
    this.#classes.set(artifactClass, counts);
    this.#last = { class: artifactClass, counts };
    return counts;
  }
}

/** Paths at the destination when all is done, seen in their order. */
class ResultingTree {
  /** New ones with something in them: they are there without being made. */
  readonly needlessFolders = new Set<string>();
  /** A new file below a file, or in the place of a folder that stays. */
  readonly conflicts = new Set<string>();
  #newFolder: string | undefined;
  #last = '';
  /**
   * Lengths of the files' paths that the last path begins with, shortest first: in this order all that lies below
   * them comes now. Those that stay, and those that are new.
   */
  readonly #staying: number[];
  readonly #new: number[] = [];

  constructor(staying: number[]) {
    this.#staying = staying;
  }

  /** Whether what comes now may clash with, or lie in, something new although it stays. */
  get hasNewAbove(): boolean {
    return this.#new.length > 0 || this.#newFolder !== undefined;
  }

  add(path: string, isNew: boolean): void {
    if (this.#newFolder !== undefined && path.startsWith(this.#newFolder)) this.needlessFolders.add(this.#newFolder);
    this.#newFolder = isNew && path.endsWith('/') ? path : undefined;
    const common = commonLength(this.#last, path);
    for (const lengths of [this.#staying, this.#new]) {
      while ((lengths.at(-1) ?? 0) > common) lengths.pop();
    }
    for (const length of isNew ? [...this.#staying, ...this.#new] : this.#new) {
      if (path[length] === '/')
        this.conflicts.add(`${JSON.stringify(path.slice(0, length))} would be both a file and a folder`);
    }
    if (!path.endsWith('/')) (isNew ? this.#new : this.#staying).push(path.length);
    this.#last = path;
  }

  /** Further to a path that stays; whoever goes there keeps the lengths. */
  moveTo(path: string): void {
    this.#last = path;
  }
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
