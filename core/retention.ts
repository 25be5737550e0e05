import type { Sha256 } from './digest.ts';
import type { ServerId } from './server.ts';
import type { SyncId, SyncRequest } from './sync.ts';

/** How much of the past stays in the store. */
export interface RetentionRules {
  /** Snapshots of each source, the newest. */
  readonly keep: number;
  /** Days for which the snapshot of a sync stays, counted from its request. */
  readonly keepDays: number;
}

/** A snapshot that a sync was made from. */
export interface NamedSnapshot {
  readonly snapshot: Sha256;
  readonly sync: SyncId;
  readonly source: ServerId;
  readonly requestedAt: string;
  /** The sync has no verdict yet, and may come to one. */
  readonly underWay: boolean;
}

/**
 * The snapshots that must stay: of syncs that are under way, of young ones, and the newest of each source. One snapshot
 * of many syncs counts once.
 */
export function retainedSnapshots(
  named: Iterable<NamedSnapshot>,
  { keep, keepDays }: RetentionRules,
  now: Date,
): Set<Sha256> {
  const newestFirst = [...named].sort((a, b) => (a.sync < b.sync ? 1 : -1));
  const young = now.getTime() - keepDays * DAY;
  const retained = new Set(
    newestFirst
      .filter(({ requestedAt, underWay }) => underWay || Date.parse(requestedAt) > young)
      .map(({ snapshot }) => snapshot),
  );
  for (const ofSource of Map.groupBy(newestFirst, ({ source }) => source).values()) {
    const distinct = new Set(ofSource.map(({ snapshot }) => snapshot));
    for (const snapshot of [...distinct].slice(0, keep)) retained.add(snapshot);
  }
  return retained;
}

/** Milliseconds after its request until which a sync without a verdict may still come to one: all its limits, twice. */
export function longestDuration({ destinations, timeouts, waveSize }: SyncRequest): number {
  const { applySeconds, approvalSeconds, inventorySeconds, offlineSeconds } = timeouts;
  const waves = Math.ceil(destinations.length / waveSize);
  const seconds = offlineSeconds + inventorySeconds + approvalSeconds + waves * (offlineSeconds + applySeconds);
  return 2 * seconds * SECOND + DAY;
}

/** Milliseconds without a word from a source that takes stock, after which nobody waits for it any more. */
export function longestSilence({ timeouts }: SyncRequest): number {
  return Math.max(2 * timeouts.offlineSeconds * SECOND, HOUR);
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;
export const DAY = 24 * HOUR;
