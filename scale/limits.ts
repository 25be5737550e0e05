import { PACE } from '#agents/pace.ts';
import { parseSettings } from '#cdk/settings.ts';
import { countHistory, MOST_EVENTS } from './history.ts';
import type { Workflow } from './transitions.ts';
import { countSync, courseOf, LOOK_SECONDS, type SyncShape, type SyncUsage } from './usage.ts';

/** A limit of AWS, or of ours, and what a fleet uses of it. */
export interface Limit {
  readonly name: string;
  /** With its unit. */
  readonly most: string;
  /** Where the number is from. A quota can be raised on request; a limit cannot. */
  readonly source: string;
  /** Our use, with its unit. */
  readonly use: string;
  /** Our use as a share of the limit; what is only a matter of waiting has none. */
  readonly share?: number;
}

/** What the numbers below take for granted; each can be otherwise in another fleet. */
export const ASSUMED = {
  waveSize: 10,
  /** Of an agent at work, seconds between two signs of life. */
  progressSeconds: 2,
  /** Until an agent counts as lost. */
  offlineSeconds: 60,
  /** That follow a sync in the console. */
  browsers: 50,
  /** What one call of S3 takes a function. */
  callSeconds: 0.02,
} as const;

/** `MaxConcurrency` of the Maps that wait for agents. */
const MAP_CONCURRENCY = 1000;
/** functions/look-at-all.ts. */
const JUDGED_AT_ONCE = 8;
/** A plan's bytes for one destination with a dozen notable paths and the marks of local edits. */
const PLAN_BYTES_PER_DESTINATION = 4000;

/** Every destination gets something, which is the dearest sync. */
export function shapeOf(servers: number): SyncShape {
  return {
    destinations: servers,
    changed: servers,
    waveSize: ASSUMED.waveSize,
    packs: 1,
    ranges: 1,
    indexes: 1,
    manifestLayers: 1,
    inventoryBeats: 0,
    applyBeats: 1,
    countedBeats: 1,
    approvers: 1,
    isFirst: true,
  };
}

export function limitsAt(workflow: Workflow, servers: number): Limit[] {
  const shape = shapeOf(servers);
  const usage = countSync(workflow, shape);
  return [
    ...limitsOfOneExecution(workflow, shape),
    ...ratesOfStepFunctions(usage, servers),
    ...limitsOfTheRest(usage, servers),
  ];
}

function limitsOfOneExecution(workflow: Workflow, shape: SyncShape): Limit[] {
  const { destinations } = shape;
  const history = countHistory(workflow, courseOf(shape));
  const inOneWave = countHistory(workflow, courseOf({ ...shape, waveSize: destinations }));
  const child = Math.max(...Object.values(history.children));
  const payload = largestPayload(destinations);
  const limit = { most: '25,000 events', source: SFN_LIMITS };
  return [
    {
      name: `Events of the execution, waves of ${ASSUMED.waveSize}`,
      ...limit,
      use: count(history.parent),
      share: history.parent / MOST_EVENTS,
    },
    {
      name: 'Events of the execution, one wave',
      ...limit,
      use: count(inOneWave.parent),
      share: inOneWave.parent / MOST_EVENTS,
    },
    { name: 'Events of a child', ...limit, use: count(child), share: child / MOST_EVENTS },
    {
      name: 'Largest input or output of a state',
      most: '262,144 bytes',
      source: SFN_LIMITS,
      use: `${count(payload)} bytes`,
      share: payload / 262_144,
    },
    { name: 'Map runs open at once, for each sync', most: '1,000', source: SFN_MAP, use: '1', share: 0.001 },
    {
      name: 'Children of a Map at once',
      most: '10,000',
      source: SFN_MAP,
      use: count(atWork(destinations)),
      share: atWork(destinations) / 10_000,
    },
  ];
}

/** Bytes. What grows is `[{},{},...]`: what the children of the largest Map answer, before the state drops it. */
export function largestPayload(destinations: number): number {
  return Math.max(FIXED_PAYLOAD, 1 + 3 * (destinations + 1));
}

/** Keys, limits and counts, whatever the number of servers; rather less. */
const FIXED_PAYLOAD = 1000;

function ratesOfStepFunctions({ transitions }: SyncUsage, servers: number): Limit[] {
  const heartbeats = atWork(servers) / (ASSUMED.offlineSeconds / 4);
  return [
    {
      name: 'Starts of executions, children included',
      most: '150/s (300/s in three regions)',
      source: SFN_RATES,
      use: `${count(transitions.executions)}: ${duration(transitions.executions / 150)}`,
    },
    {
      name: 'State transitions',
      most: '500/s (1,500/s in three regions)',
      source: SFN_RATES,
      use: `${count(transitions.states)}: ${duration(transitions.states / 500)}`,
    },
    {
      name: 'SendTaskHeartbeat and SendTaskSuccess',
      most: '300/s (500/s in three regions)',
      source: SFN_RATES,
      use: `${count(Math.ceil(heartbeats))}/s`,
      share: heartbeats / 300,
    },
  ];
}

function limitsOfTheRest(usage: SyncUsage, servers: number): Limit[] {
  const polls = servers / PACE.pollSeconds;
  const statuses = servers / PACE.statusSeconds;
  const progress = atWork(servers) / ASSUMED.progressSeconds;
  const { report } = usage.requests;
  const reportSeconds = ((report.gets + report.puts + report.deletes) / JUDGED_AT_ONCE) * ASSUMED.callSeconds;
  const planBytes = servers * PLAN_BYTES_PER_DESTINATION;
  return [
    rate('S3 GETs, looks for orders', { perSecond: polls, most: 5500, source: S3_RATES }),
    rate('S3 PUTs, status and progress', { perSecond: statuses + progress, most: 3500, source: S3_RATES }),
    {
      name: 'Signatures by KMS (P-256)',
      most: '1,000/s (300/s in older accounts)',
      source: KMS_RATES,
      use: `${count(usage.signatures)}: ${duration(usage.signatures / 300)}`,
    },
    {
      name: 'Calls of functions at once',
      most: '1,000',
      source: LAMBDA,
      use: count(atWork(servers)),
      share: atWork(servers) / 1000,
    },
    rate(`Requests of the console, ${ASSUMED.browsers} browsers`, {
      perSecond: ASSUMED.browsers / LOOK_SECONDS,
      most: parseSettings({}).consoleRequestsPerSecond,
      source: 'ours, cdk/settings.ts',
    }),
    rate('Wakings of the signal function', { perSecond: progress, most: 1000 / SIGNAL_SECONDS, source: LAMBDA }),
    {
      name: 'Time of the longest call (report)',
      most: '900 s',
      source: LAMBDA,
      use: duration(reportSeconds),
      share: reportSeconds / 900,
    },
    {
      name: 'Size of the plan',
      most: '64 MiB',
      source: 'ours, core/documents.ts',
      use: `${count(Math.ceil(planBytes / 1000))} kB`,
      share: planBytes / (64 * 1024 * 1024),
    },
    {
      name: 'Destinations of a sync',
      most: '20,000',
      source: 'ours, core/sync.ts',
      use: count(servers),
      share: servers / 20_000,
    },
    {
      name: 'Mails of a sync, each to all approvers',
      most: '200 a day, 1/s in the sandbox',
      source: SES,
      use: String(usage.mails),
      share: usage.mails / 200,
    },
  ];
}

interface Rate {
  readonly perSecond: number;
  readonly most: number;
  readonly source: string;
}

function rate(name: string, { most, perSecond, source }: Rate): Limit {
  return { name, most: `${count(most)}/s`, source, use: `${count(Math.ceil(perSecond))}/s`, share: perSecond / most };
}

function atWork(servers: number): number {
  return Math.min(servers, MAP_CONCURRENCY);
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function duration(seconds: number): string {
  return `${count(Math.ceil(seconds))} s`;
}

/** About a dozen calls of S3. */
const SIGNAL_SECONDS = 0.25;

const SFN_LIMITS = 'Step Functions guide, limits; 2022';
const SFN_RATES = 'Step Functions guide, API throttling; 2022';
const SFN_MAP = 'Step Functions guide, distributed Map; undated';
const S3_RATES = 'AWS on request rates of a partition; 2022';
const KMS_RATES = 'KMS guide, request quotas; undated';
const LAMBDA = 'Lambda guide, quotas; undated';
const SES = 'SES guide, quotas; undated';
