import type { ServerId } from '#core/server.ts';
import { type DestinationVerdict, endedWell } from '#core/verdict.ts';
import type { ServerView, SyncView } from './observe-sync.ts';

/** `waiting`: for its agent; `not-begun`: for its wave. */
export const DESTINATION_STATES = ['failed', 'running', 'waiting', 'not-begun', 'done'] as const;

export type DestinationState = (typeof DESTINATION_STATES)[number];

/** One server of a sync: while it goes on what its agent says, afterwards what the verdict says. */
export interface ShownServer {
  readonly server: ServerId;
  readonly state: DestinationState;
  readonly view: ServerView | undefined;
  readonly verdict: DestinationVerdict | undefined;
}

export function statesOf(view: SyncView): ShownServer[] {
  return view.verdict === undefined ? atWork(view) : view.verdict.destinations.map(ended);
}

/** Those that somebody should look at come first: what failed, then what is at work. */
export function byUrgency(shown: readonly ShownServer[]): ShownServer[] {
  return shown.toSorted((a, b) => DESTINATION_STATES.indexOf(a.state) - DESTINATION_STATES.indexOf(b.state));
}

/** As they are where all fit; of more the most urgent, and what failed leaves room for what is at work. */
export function mostUrgent(shown: readonly ShownServer[], most: number): readonly ShownServer[] {
  if (shown.length <= most) return shown;
  const others = byUrgency(shown.filter(({ state }) => state !== 'failed'));
  const failed = shown.filter(({ state }) => state === 'failed');
  const first = failed.slice(0, Math.max(most - others.length, Math.ceil(most / 3)));
  return [...first, ...others.slice(0, most - first.length)];
}

export function countStates(shown: readonly ShownServer[]): ReadonlyMap<DestinationState, number> {
  const inState = (state: DestinationState) => shown.filter((one) => one.state === state).length;
  return new Map(DESTINATION_STATES.map((state) => [state, inState(state)]));
}

function ended(verdict: DestinationVerdict): ShownServer {
  const { server, verdict: word } = verdict;
  const state = endedWell(verdict) ? 'done' : word === 'NOT_ATTEMPTED' ? 'not-begun' : 'failed';
  return { server, state, view: undefined, verdict };
}

function atWork({ phase, request, servers, wave }: SyncView): ShownServer[] {
  const begun = phase === 'applying' ? (wave + 1) * request.waveSize : servers.length;
  return servers.map((view, index) => ({
    server: view.server,
    state: stateOf(view, index < begun),
    view,
    verdict: undefined,
  }));
}

function stateOf({ progress, receipt }: ServerView, hasBegun: boolean): DestinationState {
  if (receipt !== undefined) return receipt.outcome === 'DONE' || receipt.outcome === 'SUCCEEDED' ? 'done' : 'failed';
  if (progress !== undefined) return 'running';
  return hasBegun ? 'waiting' : 'not-begun';
}
