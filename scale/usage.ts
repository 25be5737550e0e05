import { type Course, countTransitions, type Transitions, type Workflow } from './transitions.ts';

/** Calls at the store's edge, as S3 bills them. */
export interface S3Requests {
  /** PUT, also of a create or a replacement whose condition did not hold. */
  readonly puts: number;
  /** GET, HEAD and ranges; also those answered with 304, 403 or 404. */
  readonly gets: number;
  /** Pages of a thousand keys; billed as PUTs. */
  readonly lists: number;
  /** Free. */
  readonly deletes: number;
}

export const FUNCTIONS = ['start', 'inventory', 'plan', 'approval', 'apply', 'signal', 'report'] as const;

export type FunctionName = (typeof FUNCTIONS)[number];

/** Who makes calls: a function, Step Functions for the items of its Maps, people by command, the agents. */
export type Party = FunctionName | 'workflow' | 'people' | 'source' | 'destinations';

/** A sync that is approved, and succeeds everywhere at the first attempt. */
export interface SyncShape {
  readonly destinations: number;
  /** Those of them that get something; the others are in sync. */
  readonly changed: number;
  readonly waveSize: number;
  /** Objects of about 8 MB that the source writes. */
  readonly packs: number;
  /** GETs of ranges of packs, at each destination that gets something. */
  readonly ranges: number;
  /** Indexes of the snapshot that are read until everything is found. */
  readonly indexes: number;
  /** A manifest is stored as up to eight deltas on top of a whole one. */
  readonly manifestLayers: number;
  /** Signs of life of one server while it takes stock, and while it applies. */
  readonly inventoryBeats: number;
  readonly applyBeats: number;
  /** Of all of these, for one server, those that move a token on; one soon after another does not. */
  readonly countedBeats: number;
  /** Whether these servers were in a sync before: then their agents look for what they remember. */
  readonly isFirst?: boolean;
  /** Who approves and is told of the verdict. */
  readonly approvers: number;
}

export interface SyncUsage {
  readonly requests: Readonly<Record<Party, S3Requests>>;
  readonly invocations: Readonly<Record<FunctionName, number>>;
  readonly transitions: Transitions;
  /** By the control plane's key; those of agents cost nothing. */
  readonly signatures: number;
  /** Messages, each to all approvers. */
  readonly mails: number;
  /** Objects created: S3 tells EventBridge of each. */
  readonly events: number;
  /** Those of them that wake a function: receipts, progress and decision the one, the record of the execution another. */
  readonly wakings: number;
}

/** What one sync costs, counted from functions/ and agents/: test/scale/usage.test.ts holds it against a real one. */
export function countSync(workflow: Workflow, shape: SyncShape): SyncUsage {
  const { changed, destinations } = shape;
  const servers = destinations + 1;
  const waves = wavesOf(shape);
  const batches = batchesOf(destinations);
  const beats = servers * shape.inventoryBeats + changed * shape.applyBeats;
  const isWritten = changed > 0;
  const requests = countRequests(shape, { servers, waves, batches, beats, isWritten });
  const signals = servers + changed + beats + (isWritten ? 1 : 0);
  return {
    requests,
    invocations: {
      start: 1,
      inventory: 1 + servers,
      plan: batches > 0 ? batches + 2 : 1,
      approval: isWritten ? 1 : 0,
      apply: changed,
      signal: signals,
      report: waves + 1,
    },
    transitions: countTransitions(workflow, courseOf(shape)),
    // Each order, the plan, and each batch of it.
    signatures: servers + changed + 1 + batches,
    mails: isWritten && shape.approvers > 0 ? 2 : 0,
    events: Object.values(requests).reduce((sum, { puts }) => sum + puts, 0),
    wakings: signals + 1,
  };
}

interface Counted {
  readonly servers: number;
  readonly waves: number;
  readonly batches: number;
  readonly beats: number;
  readonly isWritten: boolean;
}

/** Where a number stands alone, it is the calls that its function makes whatever the number of servers. */
function countRequests(shape: SyncShape, counted: Counted): Record<Party, S3Requests> {
  const { approvers, changed, destinations, indexes, isFirst = false, manifestLayers, packs, ranges } = shape;
  const { batches, beats, isWritten, servers, waves } = counted;
  const manifest = 2 * manifestLayers;
  const once = isWritten ? 1 : 0;
  // The request, what an earlier attempt has left, the source's receipt and its key, the fleet; the source's manifest.
  const opening = 5 + manifest;
  // The snapshot and the indexes, for the estimate.
  const estimating = 2 * (1 + indexes) * once;
  return {
    workflow: { ...NONE, gets: 1 + waves + (batches > 0 ? 1 : 0) },
    start: { ...NONE, gets: 1, deletes: 1 },
    inventory: { ...NONE, puts: 1 + 4 * servers, gets: 2 + 6 * servers },
    plan: {
      ...NONE,
      puts: 2 + changed + (batches > 0 ? 1 + batches : 0),
      gets:
        (3 + manifest) * destinations +
        (batches > 0 ? 2 * opening + 1 + batches * (opening + estimating + 1) : opening + estimating) +
        1,
    },
    approval: { ...NONE, puts: 2 * once, gets: (approvers > 0 ? 7 : 6) * once },
    apply: { ...NONE, puts: 4 * changed, gets: 13 * changed },
    signal: {
      ...NONE,
      puts: changed * shape.countedBeats,
      gets: 3 * (servers + changed + once) + 4 * beats,
      deletes: servers + changed + once,
    },
    report: {
      ...NONE,
      puts: 1 + destinations + waves,
      // After each wave: the request, the plan, whether it is halted; between two, whether it is cancelled.
      gets: 10 + 6 * destinations + 3 * changed + (3 * waves + Math.max(0, waves - 1)) + 4 * changed,
      deletes: 1 + 2 * servers,
    },
    people: { ...NONE, puts: 2 + 2 * once, gets: 5 * once, lists: once },
    source: {
      ...NONE,
      puts: 1 + (isWritten ? 3 + packs : 0) + shape.inventoryBeats,
      gets: 3 + (isWritten && !isFirst ? 2 : 0),
    },
    destinations: {
      ...NONE,
      puts: 2 * destinations + (1 + shape.applyBeats) * changed + shape.inventoryBeats * destinations,
      gets: (isFirst ? 2 : 3) * destinations + (5 + indexes + ranges) * changed,
    },
  };
}

const NONE: S3Requests = { puts: 0, gets: 0, lists: 0, deletes: 0 };

function wavesOf({ changed, waveSize }: SyncShape): number {
  return Math.ceil(changed / waveSize);
}

/** More destinations than one call plans are divided, as functions/plan/batches.ts does. */
function batchesOf(destinations: number): number {
  return destinations > MOST_PLANNED_AT_ONCE ? Math.ceil(destinations / MOST_PLANNED_AT_ONCE) : 0;
}

const MOST_PLANNED_AT_ONCE = 50;

/** What such a sync finds on its way through the workflow. */
export function courseOf(shape: SyncShape): Course {
  const { changed, destinations, waveSize } = shape;
  const batches = batchesOf(destinations);
  return {
    valueOf: (variable, visit) => {
      switch (variable) {
        case '$.plan.next':
          if (batches > 0 && visit === 0) return 'divide';
          return changed > 0 ? 'approve' : 'report';
        case '$.wave.more':
          return visit + 1 < wavesOf(shape);
        case '$.verdict.endedWell':
          return true;
        default:
          throw new Error(`nobody has said what ${variable} holds in the course of a sync`);
      }
    },
    itemsOf: (map, visit) => {
      switch (map) {
        case 'Inventory':
          return destinations + 1;
        case 'PlanBatches':
          return batches;
        case 'ApplyWave':
          return Math.min(waveSize, changed - visit * waveSize);
        default:
          throw new Error(`nobody has said how many items ${map} has in the course of a sync`);
      }
    },
  };
}

/** Seconds between what an agent does by the clock. */
export interface Clock {
  readonly pollSeconds: number;
  readonly statusSeconds: number;
  /** Between two looks whether its status is there as it was written. */
  readonly readBackSeconds: number;
}

/** What one agent does in this time without any sync. A status is written in a round of polls, never between two. */
export function countIdleAgent({ pollSeconds, readBackSeconds, statusSeconds }: Clock, seconds: number) {
  const polls = Math.floor(seconds / pollSeconds);
  const statuses = Math.floor(seconds / Math.max(pollSeconds, statusSeconds));
  const readBacks = Math.floor(seconds / Math.max(readBackSeconds, statusSeconds, pollSeconds));
  return { polls, statuses, readBacks };
}

/** Seconds between two looks of a browser at a sync that goes on, where nothing is streamed: the console's script. */
export const LOOK_SECONDS = 3;

/**
 * GETs for one look at a sync whose wave is at work, once what cannot change any more is known: receipt and progress of
 * each server of the wave; the verdict, whether somebody has stopped it, and whether the next wave has begun.
 */
export function countLook({ changed, waveSize }: Pick<SyncShape, 'changed' | 'waveSize'>): number {
  return (changed > waveSize ? 3 : 2) + 2 * Math.min(changed, waveSize, MOST_AT_A_LOOK);
}

/** Servers: functions/observe/observe-sync.ts. */
const MOST_AT_A_LOOK = 100;
