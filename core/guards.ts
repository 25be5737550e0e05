import type { Differences } from './differences.ts';
import type { ManifestEntry, ManifestSummary } from './manifest.ts';
import { foldPath, isStorableOnWindows } from './path-rules.ts';
import type { ServerFacts } from './server.ts';
import type { SyncPolicy } from './sync.ts';

export interface GuardedPlan {
  readonly source: { readonly summary: ManifestSummary };
  readonly destination: {
    readonly summary: ManifestSummary;
    readonly facts: ServerFacts;
    /** Read only where the destination folds names. */
    readonly entries: Iterable<Pick<ManifestEntry, 'path'>>;
  };
  readonly differences: Differences;
  readonly policy: SyncPolicy;
}

/** Why this destination must not be written, in words that name the way out where there is one. */
export function findGuardRefusal(plan: GuardedPlan): string | undefined {
  for (const guard of [profileDiffers, sourceShrank, clashesWithFolder, namesCollide, namesNotStorable]) {
    const refusal = guard(plan);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

const SHRINK_SHARE = 0.5;

function profileDiffers({ source, destination }: GuardedPlan): string | undefined {
  if (source.summary.profile === destination.summary.profile) return undefined;
  return 'its agent uses another profile than the source: give both the same reviewed profile file';
}

function sourceShrank({ source, destination, policy }: GuardedPlan): string | undefined {
  if (policy.allowShrink) return undefined;
  const [ours, theirs] = [source.summary, destination.summary];
  if (ours.artifacts === 0) {
    return 'the source holds no file that travels; if it is meant to be empty, allow it with --allow-shrink';
  }
  if (ours.artifacts < theirs.artifacts * SHRINK_SHARE) {
    return `the source holds ${ours.artifacts} files, less than half of the destination's ${theirs.artifacts}; if that is right, allow it with --allow-shrink`;
  }
  if (ours.bytes < theirs.bytes * SHRINK_SHARE) {
    return `the source holds ${ours.bytes} bytes, less than half of the destination's ${theirs.bytes}; if that is right, allow it with --allow-shrink`;
  }
  return undefined;
}

function clashesWithFolder({ differences }: GuardedPlan): string | undefined {
  const [first] = differences.conflicts;
  if (first === undefined) return undefined;
  const more = differences.conflicts.length - 1;
  return `${first}${more > 0 ? ` (and ${more} more)` : ''}: move it away at the destination, then plan again`;
}

function namesCollide({ destination, differences }: GuardedPlan): string | undefined {
  if (!destination.facts.foldsNames) return undefined;
  const removed = new Set<string>(
    differences.operations.filter(({ change }) => change === 'remove').map(({ path }) => path),
  );
  const brought = differences.operations.filter(({ change }) => change !== 'remove');
  const wanted = new Set(brought.flatMap(({ path }) => [...withFoldersAbove(foldPath(path))]));
  const spellings = new Map<string, string>();
  for (const { path } of destination.entries) {
    if (removed.has(path)) continue;
    const names = withFoldersAbove(path);
    for (const folded of withFoldersAbove(foldPath(path))) {
      const name = names.next();
      if (name.done !== true && wanted.has(folded)) spellings.set(folded, name.value);
    }
  }
  for (const { path } of brought) {
    for (const name of withFoldersAbove(path)) {
      const folded = foldPath(name);
      const other = spellings.get(folded) ?? name;
      if (other !== name) {
        return `${JSON.stringify(name)} and ${JSON.stringify(other)} are one name at the destination: rename one at the source`;
      }
      spellings.set(folded, name);
    }
  }
  return undefined;
}

/** `a/b/c` -> `a`, `a/b`, `a/b/c`: a folder's name can collide as a file's can. */
function* withFoldersAbove(path: string): Generator<string> {
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) yield path.slice(0, slash);
  if (!path.endsWith('/')) yield path;
}

function namesNotStorable({ destination, differences }: GuardedPlan): string | undefined {
  if (!destination.facts.windowsNames) return undefined;
  const bad = differences.operations.find(({ path }) => !isStorableOnWindows(path));
  return bad === undefined
    ? undefined
    : `${JSON.stringify(bad.path)} cannot be stored on Windows: rename it at the source`;
}
