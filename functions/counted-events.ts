import type { MetricName } from '#core/metrics.ts';
import type { SyncId } from '#core/sync.ts';
import type { Log } from './dependencies.ts';

/** Events that the functions log and that the dashboard counts. */
export interface CountedEvents {
  readonly 'sync-started': { readonly sync: SyncId };
  /** Bytes that the destinations are to fetch, as far as it could be estimated. */
  readonly 'plan-made': { readonly sync: SyncId; readonly destinations: number; readonly bytes: number };
  readonly 'approval-requested': { readonly sync: SyncId };
  readonly 'wave-applied': { readonly sync: SyncId; readonly wave: number; readonly bad: number };
  readonly 'signal-refused': { readonly key: string; readonly problem: string };
  readonly 'sync-ended': {
    readonly sync: SyncId;
    readonly verdict: string;
    /** How many destinations ended so. */
    readonly destinations: Readonly<Record<string, number>>;
    /** Up from the source and down to the destinations, as they measured it. */
    readonly bytes: number;
  };
}

export function tell<E extends keyof CountedEvents>(log: Log, event: E, fields: CountedEvents[E]): void {
  log(event, fields);
}

export interface Measure {
  readonly name: MetricName;
  readonly value: number;
  readonly verdict?: string;
}

/** What an event adds to the metrics; nothing for one that is only told. */
export function measuresOf(event: string, fields: object): Measure[] {
  const measure = isCounted(event) ? (MEASURES[event] as (fields: object) => Measure[]) : undefined;
  return measure?.(fields) ?? [];
}

function isCounted(event: string): event is keyof CountedEvents {
  return Object.hasOwn(MEASURES, event);
}

const MEASURES: { readonly [E in keyof CountedEvents]: (fields: CountedEvents[E]) => Measure[] } = {
  'sync-started': () => [{ name: 'SyncsStarted', value: 1 }],
  'plan-made': ({ bytes }) => [{ name: 'BytesPlanned', value: bytes }],
  'approval-requested': () => [{ name: 'ApprovalsRequested', value: 1 }],
  'wave-applied': () => [{ name: 'WavesApplied', value: 1 }],
  'signal-refused': () => [{ name: 'SignalsRefused', value: 1 }],
  'sync-ended': ({ bytes, destinations, verdict }) => [
    { name: 'SyncsEnded', value: 1, verdict },
    ...Object.entries(destinations).map(
      ([one, value]) => ({ name: 'DestinationVerdicts', value, verdict: one }) as const,
    ),
    { name: 'OfflineServers', value: destinations.OFFLINE ?? 0 },
    { name: 'BytesTransferred', value: bytes },
  ],
};
