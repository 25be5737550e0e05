import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseLost, StoreLease } from '#adapters/store-lease.ts';
import { isWrite, wrapStore } from '#adapters/wrap-store.ts';
import { StoreConflict, StoreTransient } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { isLive, type Lease } from '#core/lease.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Log } from '#functions/dependencies.ts';

export interface LeadParts {
  readonly store: ObjectStore;
  readonly now: () => Date;
  readonly log: Log;
  /** Who leads, for people. */
  readonly by: string;
  /** The same for every start on one machine, where there is one at a time; another on every other. */
  readonly holder: string;
  /** Told, once for each, of a controller that is waited for. */
  readonly onStandBy: (lease: Lease) => void;
  readonly signal: AbortSignal;
  /** How long a leader may be silent before another takes over; a minute. */
  readonly milliseconds?: number;
}

/** Works on the store that it is given until `over` aborts. */
export type Lead = (store: ObjectStore, over: AbortSignal) => Promise<void>;

/**
 * Leads while no other controller does, on any machine, and stands by in between; until the signal. A leader that was
 * stopped and woke up late writes nothing any more once its time is up; what it was just writing, it writes: every step of
 * a sync bears to be done twice.
 */
export async function leadAlone(parts: LeadParts, lead: Lead): Promise<void> {
  // What this machine's last controller held ended with it. Only at the start: else two would take turns.
  let isOwn = ({ holder }: Lease) => holder === parts.holder;
  while (!parts.signal.aborted) {
    const lease = await standBy(parts, isOwn);
    if (lease !== undefined) await leadWith(parts, lease, lead);
    isOwn = () => false;
  }
}

/** `undefined` once the signal aborts. */
async function standBy(parts: LeadParts, isOwn: (lease: Lease) => boolean): Promise<StoreLease | undefined> {
  const { by, holder, log, now, onStandBy, signal } = parts;
  const milliseconds = parts.milliseconds ?? LEASE_MILLISECONDS;
  const terms = {
    key: keys.controllerLease(),
    format: 'lockstep-controller-lease/1',
    by,
    holder,
    milliseconds,
  } as const;
  // A clock may be ahead of the leader's.
  const isOver = (lease: Lease) => !isLive(lease, new Date(now().getTime() - milliseconds * CLOCKS_DIFFER_BY));
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      const taking = await StoreLease.take(parts, terms, (lease) => isOwn(lease) || isOver(lease));
      if (taking.kind === 'held') return taking.lease;
      const leader = `${taking.by.holder} ${taking.by.startedAt}`;
      if (leader !== told) onStandBy(taking.by);
      told = leader;
    } catch (error) {
      if (!(error instanceof StoreTransient || error instanceof StoreConflict)) throw error;
      log('controller-trouble', { problem: error.message });
    }
    await pause(milliseconds * RENEWED_AFTER, signal);
  }
  return undefined;
}

async function leadWith(parts: LeadParts, lease: StoreLease, lead: Lead): Promise<void> {
  const { log, now, signal, store } = parts;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const renewing = keepRenewing(parts, lease, either).then(() => over.abort());
  log('controller-leading', { until: lease.until.toISOString() });
  try {
    await lead(fencedStore(store, lease, now), either);
  } finally {
    over.abort();
    await renewing;
    await lease.release().catch((error: unknown) => log('controller-lease-not-released', { problem: String(error) }));
  }
}

/** Returns once the lease is lost, or the signal aborts. */
async function keepRenewing(parts: LeadParts, lease: StoreLease, signal: AbortSignal): Promise<void> {
  const milliseconds = parts.milliseconds ?? LEASE_MILLISECONDS;
  for (;;) {
    await pause(milliseconds * RENEWED_AFTER, signal);
    if (signal.aborted) return;
    try {
      await lease.renew();
    } catch (error) {
      parts.log(error instanceof LeaseLost ? 'controller-lease-lost' : 'controller-trouble', {
        problem: String(error),
      });
      if (error instanceof LeaseLost) return;
    }
  }
}

/** Refuses to write once the time is up; a renewal that still comes lets it go on. */
function fencedStore(store: ObjectStore, lease: StoreLease, now: () => Date): ObjectStore {
  return wrapStore(store, (call, run) => {
    if (isWrite(call) && now().getTime() >= lease.until.getTime()) {
      const until = lease.until.toISOString();
      return Promise.reject(
        new StoreTransient(call.key, `not written: this controller's lease ended at ${until}, and is not renewed yet`),
      );
    }
    return run();
  });
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}

const LEASE_MILLISECONDS = 60_000;
/** Shares of that. */
const RENEWED_AFTER = 1 / 4;
const CLOCKS_DIFFER_BY = 1 / 6;
