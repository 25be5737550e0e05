import { isSyncedClass } from './classify.ts';
import type { Differences } from './differences.ts';
import type { Compatibility } from './fleet.ts';
import type { ManifestEntry, ManifestSummary } from './manifest.ts';
import { foldPath, isStorableOnWindows } from './path-rules.ts';
import type { ServerFacts, ServerId } from './server.ts';
import { describeDowngrade, describeShrink } from './site-guards.ts';
import type { SyncPolicy } from './sync.ts';

export interface GuardedPlan {
  readonly source: GuardedServer;
  readonly destination: GuardedServer & {
    /** Read only where the destination folds names. */
    readonly entries: Iterable<Pick<ManifestEntry, 'path'>>;
  };
  readonly differences: Differences;
  /** Of which this source held files when it was last synced to this destination; `undefined` where that is not known. */
  readonly formerClasses: readonly string[] | undefined;
  readonly policy: SyncPolicy;
}

interface GuardedServer {
  readonly server: ServerId;
  readonly summary: ManifestSummary;
  readonly facts: ServerFacts;
  readonly compatibility: Compatibility;
}

export interface GuardRefusal {
  readonly reason: 'GUARD' | 'NO_SPACE';
  readonly detail: string;
}

/** Why this destination must not be written, in words that name the way out where there is one. */
export function findGuardRefusal(plan: GuardedPlan): GuardRefusal | undefined {
  for (const guard of GUARDS) {
    const detail = guard(plan);
    if (detail !== undefined) return { reason: guard === lacksSpace ? 'NO_SPACE' : 'GUARD', detail };
  }
  return undefined;
}

/** What also holds a rollback up: neither its source nor how much it removes is a reason for doubt. */
export interface GuardedWayBack {
  readonly destination: Pick<GuardedPlan['destination'], 'entries' | 'facts'>;
  readonly differences: Pick<Differences, 'bytes' | 'operations'>;
}

export function findWayBackRefusal(plan: GuardedWayBack): GuardRefusal | undefined {
  const clash = namesCollide(plan);
  if (clash !== undefined) return { reason: 'GUARD', detail: clash };
  const lack = lacksSpace(plan);
  return lack === undefined ? undefined : { reason: 'NO_SPACE', detail: lack };
}

const GUARDS: readonly ((plan: GuardedPlan) => string | undefined)[] = [
  profileDiffers,
  isIncompatible,
  isDowngrade,
  sourceShrank,
  classVanished,
  leavesLittle,
  clashesWithFolder,
  namesCollide,
  namesNotStorable,
  lacksSpace,
];

const SHRINK_SHARE = 0.5;

function profileDiffers({ source, destination }: GuardedPlan): string | undefined {
  if (source.summary.profile === destination.summary.profile) return undefined;
  return 'its agent uses another profile than the source: give both the same reviewed profile file';
}

/** What only one of the two says is not known to be the same. */
function isIncompatible({ source, destination }: GuardedPlan): string | undefined {
  const [ours, theirs] = [source, destination].map(({ compatibility }) => new Map(Object.entries(compatibility)));
  const key = [...(ours?.keys() ?? []), ...(theirs?.keys() ?? [])].find((one) => ours?.get(one) !== theirs?.get(one));
  if (key === undefined) return undefined;
  const [our, their] = [ours, theirs].map((values) => JSON.stringify(values?.get(key)) ?? 'not given');
  const [site] = destination.server.split('/');
  return (
    `${key} is ${our} for ${source.server} and ${their} for ${destination.server}: files of the one may be of no use ` +
    `to the other; if they fit, give both the same compatibility.${key} in the fleet file (sites.${site})`
  );
}

function isDowngrade({ source, destination, policy }: GuardedPlan): string | undefined {
  const versions = { source: source.facts.productVersion, destination: destination.facts.productVersion };
  return describeDowngrade(versions, policy);
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

/** As the agent counts it: of some classes alone a source may hold few, and yet many in all. */
function leavesLittle({ destination, differences, policy }: GuardedPlan): string | undefined {
  const { create, remove } = differences.counts;
  return describeShrink({ held: destination.summary.artifacts, create, remove }, policy);
}

/**
 * A mirror would remove every file of the class. Overwriting removes nothing, and a source that never had the class is
 * nothing unusual; one that had it at the last sync may be broken.
 */
function classVanished({ differences, formerClasses, policy }: GuardedPlan): string | undefined {
  const had = policy.mode === 'mirror' ? Object.keys(differences.classes) : (formerClasses ?? []);
  const vanished = had.find((name) => {
    const { keep = 0, remove = 0 } = differences.classes[name] ?? {};
    const isAllowed = policy.allowVanished?.includes(name) === true || policy.only?.includes(name) === false;
    return isSyncedClass(name) && !isAllowed && keep + remove > 0 && !differences.sourceClasses.includes(name);
  });
  if (vanished === undefined) return undefined;
  const { keep = 0, remove = 0 } = differences.classes[vanished] ?? {};
  const since = policy.mode === 'mirror' ? '' : ', and had some at the last sync';
  return `the source holds no file of class ${vanished}, of which the destination holds ${keep + remove}${since}; if that is right, allow it with --allow-vanished ${vanished}`;
}

/** The agent counts more exactly, with what is staged already. */
function lacksSpace({ destination, differences }: GuardedWayBack): string | undefined {
  const { freeBytes } = destination.facts;
  if (differences.bytes <= freeBytes) return undefined;
  return `its disk is too full: the new files have ${differences.bytes} bytes, ${freeBytes} are free; free some space, then start a new sync`;
}

function clashesWithFolder({ differences }: GuardedPlan): string | undefined {
  const [first] = differences.conflicts;
  if (first === undefined) return undefined;
  const more = differences.conflicts.length - 1;
  return `${first}${more > 0 ? ` (and ${more} more)` : ''}: move it away at the destination, then plan again`;
}

function namesCollide({ destination, differences }: GuardedWayBack): string | undefined {
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
