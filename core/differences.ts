import { LineHasher, type Sha256 } from './digest.ts';
import { type Artifact, type ManifestEntry, stateLine } from './manifest.ts';
import type { ChangeCounts, ClassChanges, Operation } from './plan.ts';
import { isSyncedClass } from './profile.ts';
import type { SyncMode } from './sync.ts';

export interface Differences {
  /** Sorted by path. */
  readonly operations: readonly Operation[];
  readonly counts: ChangeCounts;
  readonly bytes: number;
  readonly classes: Readonly<Record<string, ClassChanges>>;
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
  options: { readonly mode: SyncMode; readonly only?: readonly string[] | undefined },
): Differences {
  const collector = new Collector(options.mode, options.only);
  for (const pair of mergeByPath(source, destination)) collector.take(pair);
  return collector.finish();
}

interface Pair {
  readonly ours: ManifestEntry | undefined;
  readonly theirs: ManifestEntry | undefined;
}

function* mergeByPath(source: readonly ManifestEntry[], destination: readonly ManifestEntry[]): Generator<Pair> {
  let s = 0;
  let d = 0;
  while (s < source.length || d < destination.length) {
    const ours = source[s];
    const theirs = destination[d];
    if (theirs === undefined || (ours !== undefined && ours.path < theirs.path)) {
      yield { ours, theirs: undefined };
      s++;
    } else if (ours === undefined || theirs.path < ours.path) {
      yield { ours: undefined, theirs };
      d++;
    } else {
      yield { ours, theirs };
      s++;
      d++;
    }
  }
}

class Collector {
  readonly #mode: SyncMode;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #operations: Operation[] = [];
  readonly #classes = new Map<
    string,
    { create: number; update: number; remove: number; keep: number; bytes: number }
  >();
  readonly #state = new LineHasher();
  readonly #conflicts: string[] = [];
  /** Paths at the destination when all is done, sorted. */
  readonly #result: { readonly path: string; readonly isNew: boolean }[] = [];

  constructor(mode: SyncMode, only: readonly string[] | undefined) {
    this.#mode = mode;
    this.#only = only === undefined ? undefined : new Set(only);
  }

  take({ ours, theirs }: Pair): void {
    if (ours?.kind === 'artifact' && this.#travels(ours)) this.#takeArtifact(ours, theirs);
    else if (theirs?.kind === 'artifact') this.#takeOther(theirs, ours);
    else if (theirs !== undefined) this.#result.push({ path: theirs.path, isNew: false });
    else if (ours?.kind === 'folder' && this.#only === undefined) this.#createFolder(ours.path);
  }

  finish(): Differences {
    const classes = Object.fromEntries([...this.#classes].sort(([a], [b]) => (a < b ? -1 : 1)));
    const sum = (field: keyof ClassChanges) => Object.values(classes).reduce((total, one) => total + one[field], 0);
    return {
      operations: this.#withoutNeedlessFolders(),
      counts: { create: sum('create'), update: sum('update'), remove: sum('remove'), keep: sum('keep') },
      bytes: sum('bytes'),
      classes,
      stateAfter: this.#state.digest(),
      conflicts: [...this.#conflicts, ...this.#folderConflicts()],
    };
  }

  #takeArtifact(ours: Artifact, theirs: ManifestEntry | undefined): void {
    if (theirs !== undefined && theirs.kind !== 'artifact') {
      this.#conflicts.push(`${JSON.stringify(ours.path)} is a ${theirs.kind} at the destination`);
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
    this.#state.add(stateLine(ours));
    this.#result.push({ path, isNew: theirs === undefined });
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
    this.#state.add(stateLine(theirs));
    this.#result.push({ path: theirs.path, isNew: false });
  }

  #createFolder(path: string): void {
    this.#operations.push({ change: 'create-folder', path });
    this.#result.push({ path, isNew: true });
  }

  /** A folder with something in it is there without being made. */
  #withoutNeedlessFolders(): Operation[] {
    const needless = new Set<string>();
    for (const [index, { path }] of this.#result.entries()) {
      if (path.endsWith('/') && this.#result[index + 1]?.path.startsWith(path) === true) needless.add(path);
    }
    return this.#operations.filter(
      (operation) => operation.change !== 'create-folder' || !needless.has(operation.path),
    );
  }

  /** A new file below a file, or in the place of a folder that stays. */
  #folderConflicts(): string[] {
    const files = new Map(this.#result.filter(({ path }) => !path.endsWith('/')).map((file) => [file.path, file]));
    const conflicts: string[] = [];
    for (const { path, isNew } of this.#result) {
      for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
        const above = files.get(path.slice(0, slash));
        if (above !== undefined && (isNew || above.isNew)) {
          conflicts.push(`${JSON.stringify(above.path)} would be both a file and a folder`);
        }
      }
    }
    return [...new Set(conflicts)];
  }

  #travels(artifact: Artifact): boolean {
    return isSyncedClass(artifact.class) && (this.#only === undefined || this.#only.has(artifact.class));
  }

  #countsOf(artifactClass: string): { create: number; update: number; remove: number; keep: number; bytes: number } {
    const counts = this.#classes.get(artifactClass) ?? { create: 0, update: 0, remove: 0, keep: 0, bytes: 0 };
    this.#classes.set(artifactClass, counts);
    return counts;
  }
}
