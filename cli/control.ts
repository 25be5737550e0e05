import type { Plan } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SyncId } from '#core/sync.ts';
import { castVote, type VoteCast, type Word } from '#functions/approval/cast-vote.ts';
import { requestCancel } from '#functions/cancel-sync.ts';
import { listSyncs } from '#functions/observe/list-syncs.ts';
import { lookAtServers, type ServerOverview } from '#functions/observe/look-at-servers.ts';
import { lookAtSync, type ObserveOptions, observeSync, type SyncView } from '#functions/observe/observe-sync.ts';
import { pastSyncDocument } from '#functions/observe/past-sync-document.ts';
import { readFleet } from '#functions/read-fleet.ts';
import { type CommandContext, openExistingStore } from './context.ts';
import { pinControlKey } from './control-key.ts';

/** The control plane of a fleet as commands see it, by way of its store or of its console. */
export interface Control {
  /** For messages. */
  readonly url: string;
  /** How often it is asked for news. */
  readonly pollMilliseconds: number;
  /** As requests and votes name whoever gives the commands. */
  readonly person: string;
  lookAtFleet(signal: AbortSignal): Promise<FleetSeen>;
  /** The newest, at most `most`, the newest first. */
  listSyncs(most: number, signal: AbortSignal): Promise<readonly PastSyncDocument[]>;
  /** BadInput where there is no such sync. */
  look(sync: SyncId, signal: AbortSignal): Promise<SyncView>;
  /** As `observeSync` of functions/observe. */
  observe(sync: SyncId, options: Watch): AsyncGenerator<SyncView>;
  /** As `castVote`, in the name of `person`. */
  vote(word: GivenWord): Promise<VoteCast>;
  /** DecisionRefused where the sync has ended. */
  cancel(sync: SyncId): Promise<void>;
}

export type PastSyncDocument = ReturnType<typeof pastSyncDocument>;
export type Watch = Pick<ObserveOptions, 'signal' | 'pollMilliseconds' | 'pause'>;
export type GivenWord = Omit<Word, 'by' | 'groups' | 'withoutCode'> & { readonly plan: Plan['digest'] };

export interface FleetSeen {
  /** Its name; `undefined` as long as no fleet file was given. */
  readonly fleet: string | undefined;
  readonly servers: readonly ServerOverview[];
}

/** BadInput where there is neither a store nor a console. */
export async function openControl(context: CommandContext): Promise<Control> {
  if (context.location.isConsole) {
    const { openConsoleControl } = await import('./console-control.ts');
    return await openConsoleControl(context);
  }
  const store = await openExistingStore(context);
  return storeControl(context, { store, controlKey: await pinControlKey(store, context.location.controlFolder) });
}

export interface StoreKnown {
  readonly store: ObjectStore;
  /** What plans must be signed with; `undefined` while the store names no control key. */
  readonly controlKey: string | undefined;
}

export function storeControl(
  { now, person }: Pick<CommandContext, 'now' | 'person'>,
  { controlKey, store }: StoreKnown,
): Control {
  return {
    url: store.url,
    pollMilliseconds: POLL_MILLISECONDS,
    person,
    lookAtFleet: async (signal) => {
      const fleet = await readFleet(store, signal);
      const servers = fleet === undefined ? [] : await lookAtServers({ store, fleet, controlKey, now, signal });
      return { fleet: fleet?.fleet, servers };
    },
    listSyncs: async (most, signal) => (await listSyncs(store, { most, now: now(), signal })).map(pastSyncDocument),
    look: async (sync, signal) => await lookAtSync(store, sync, { signal, controlKey }),
    observe: (sync, watch) => observeSync(store, sync, { ...watch, controlKey }),
    vote: async (word) => await castVote({ store, now, controlKey: controlKey ?? '' }, { ...word, by: person }),
    cancel: async (sync) => await requestCancel({ store, now }, { sync, by: person }),
  };
}

/** A store may be far away. */
const POLL_MILLISECONDS = 500;
