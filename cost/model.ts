import { PACE } from '#agents/pace.ts';
import type { Workflow } from '#scale/transitions.ts';
import {
  countIdleAgent,
  countLook,
  countSync,
  FUNCTIONS,
  type FunctionName,
  LOOK_SECONDS,
  type SyncShape,
  type SyncUsage,
} from '#scale/usage.ts';
import type { Priced, Prices } from './prices.ts';

/** What the fleet does in a month, and how the stack is set up. */
export interface Fleet {
  readonly servers: number;
  readonly syncsPerMonth: number;
  readonly destinationsPerSync: number;
  readonly changedMegabytes: number;
  readonly serverMegabytes: number;
  readonly files: number;
  readonly waveSize: number;
  readonly applySeconds: number;
  readonly approvers: number;
  readonly pollSeconds: number;
  readonly statusSeconds: number;
  /** That browsers follow syncs in the console, all of them added up; 0 where there is none. */
  readonly watchingHours: number;
}

/** What the stack in cdk/ is made of. */
export interface Stack {
  /** Memory in MB. */
  readonly functions: Readonly<Record<FunctionName | 'console', { readonly memory: number }>>;
  readonly noncurrentDays: number;
  readonly accessLogDays: number;
  readonly logDays: number;
  readonly pruneKeepDays: number;
  readonly pruneGraceDays: number;
  readonly metricsInAlarms: number;
  readonly metrics: number;
  readonly queues: number;
}

export interface Line {
  readonly service: string;
  readonly what: string;
  readonly quantity: number;
  readonly priced: Priced;
  readonly dollars: number;
  /** There only because there are syncs. */
  readonly isOfSyncs: boolean;
}

export interface Bill {
  readonly lines: readonly Line[];
  readonly total: number;
  readonly perServer: number;
  /** What one more sync adds; without what is there anyway. `undefined` where there is none. */
  readonly perSync: number | undefined;
  readonly others: { readonly codeDeploy: number; readonly systemsManager: number };
}

/** A month of 730 hours, as AWS counts one. */
export function costOf(fleet: Fleet, { prices, stack, workflow }: Given): Bill {
  const syncs = countSync(workflow, shapeOf(fleet));
  const price =
    (isOfSyncs: boolean) =>
    (line: Counted): Line => {
      const { dollars, per } = prices[line.priced];
      return { ...line, dollars: (line.quantity * dollars) / per, isOfSyncs };
    };
  const standing = [...idleLines(fleet, stack), ...standingLines(fleet, stack), ...consoleLines(fleet, stack)].map(
    price(false),
  );
  const ofSyncs = syncLines(fleet, stack, syncs).map(price(true));
  const lines = [...standing, ...ofSyncs].filter(({ quantity }) => quantity !== 0);
  const total = sum(lines);
  const updates = fleet.syncsPerMonth * fleet.destinationsPerSync;
  return {
    lines,
    total,
    perServer: total / fleet.servers,
    perSync: fleet.syncsPerMonth === 0 ? undefined : sum(ofSyncs) / fleet.syncsPerMonth,
    others: {
      codeDeploy: updates * prices.codeDeploy.dollars,
      systemsManager: fleet.servers * HOURS * prices.systemsManager.dollars,
    },
  };
}

interface Given {
  readonly prices: Prices;
  readonly stack: Stack;
  readonly workflow: Workflow;
}

type Counted = Omit<Line, 'dollars' | 'isOfSyncs'>;

/** What agents do by the clock, whether or not there is a sync. */
function idleLines({ pollSeconds, servers, statusSeconds }: Fleet, stack: Stack): Counted[] {
  const clock = { pollSeconds, statusSeconds, readBackSeconds: PACE.readBackSeconds };
  const one = countIdleAgent(clock, HOURS * 3600);
  const [polls, statuses, readBacks] = [one.polls * servers, one.statuses * servers, one.readBacks * servers];
  const requests = polls + statuses + readBacks;
  const kept = (stack.noncurrentDays * 24) / HOURS;
  return [
    { service: 'S3', what: 'looks for an order, nearly all answered 304', quantity: polls, priced: 's3Get' },
    { service: 'S3', what: 'status of the agents', quantity: statuses, priced: 's3Put' },
    { service: 'S3', what: 'status read back', quantity: readBacks, priced: 's3Get' },
    {
      service: 'S3',
      what: 'former statuses',
      quantity: gigabytes(statuses * kept * STATUS_BYTES),
      priced: 's3Storage',
    },
    { service: 'S3', what: 'log of these requests', quantity: accessLog(requests, stack), priced: 's3Storage' },
    { service: 'EventBridge', what: 'statuses, for S3 tells of every object', quantity: statuses, priced: 'events' },
    { service: 'KMS', what: 'data key, for agents at rest', quantity: requests * BUCKET_KEY_SHARE, priced: 'kmsData' },
    {
      service: 'Data transfer',
      what: 'answers to looks and statuses',
      quantity: gigabytes(requests * ANSWER_BYTES),
      priced: 'dataOut',
    },
    { service: 'Roles Anywhere', what: 'sessions of the agents', quantity: servers * HOURS, priced: 'rolesAnywhere' },
  ];
}

function syncLines(fleet: Fleet, stack: Stack, one: SyncUsage): Counted[] {
  const syncs = fleet.syncsPerMonth;
  const requests = Object.values(one.requests);
  const puts = syncs * requests.reduce((all, { lists, puts: some }) => all + some + lists, 0);
  const gets = syncs * requests.reduce((all, { gets: some }) => all + some, 0);
  const invocations = syncs * Object.values(one.invocations).reduce((all, some) => all + some, 0);
  const { executions, states } = one.transitions;
  const logged = invocations * INVOCATION_LOG_BYTES + syncs * states * STATE_LOG_BYTES;
  return [
    { service: 'S3', what: 'requests that write, of syncs', quantity: puts, priced: 's3Put' },
    { service: 'S3', what: 'requests that read, of syncs', quantity: gets, priced: 's3Get' },
    { service: 'S3', what: 'packs, as long as they are kept', quantity: packsKept(fleet, stack), priced: 's3Storage' },
    { service: 'S3', what: 'manifests and documents of a year', quantity: documentsKept(fleet), priced: 's3Storage' },
    { service: 'S3', what: 'log of these requests', quantity: accessLog(puts + gets, stack), priced: 's3Storage' },
    {
      service: 'Step Functions',
      what: 'states entered, executions started',
      quantity: syncs * (states + executions),
      priced: 'stepFunctions',
    },
    { service: 'Lambda', what: 'calls', quantity: invocations, priced: 'lambdaRequests' },
    {
      service: 'Lambda',
      what: 'time and memory',
      quantity: syncs * lambdaSeconds(fleet, stack, one),
      priced: 'lambdaSeconds',
    },
    { service: 'KMS', what: 'signatures of orders and plans', quantity: syncs * one.signatures, priced: 'kmsSign' },
    { service: 'KMS', what: 'data key, for syncs', quantity: (puts + gets) * BUCKET_KEY_SHARE, priced: 'kmsData' },
    {
      service: 'SES',
      what: 'mails, for each who gets one',
      quantity: syncs * one.mails * fleet.approvers,
      priced: 'mails',
    },
    { service: 'EventBridge', what: 'objects that syncs create', quantity: syncs * one.events, priced: 'events' },
    {
      service: 'SQS',
      what: 'send, receive, delete of what wakes a function',
      quantity: syncs * one.wakings * 3,
      priced: 'queue',
    },
    { service: 'CloudWatch', what: 'logs of functions and workflow', quantity: gigabytes(logged), priced: 'logs' },
    {
      service: 'CloudWatch',
      what: 'logs, as long as they are kept',
      quantity: (gigabytes(logged) * stack.logDays * 24) / HOURS,
      priced: 'logStorage',
    },
    { service: 'X-Ray', what: 'traces', quantity: syncs * (executions + one.wakings), priced: 'traces' },
    { service: 'Data transfer', what: 'what destinations fetch', quantity: fetched(fleet), priced: 'dataOut' },
  ];
}

/** What is there as long as the stack is. */
function standingLines({ serverMegabytes }: Fleet, { metrics, metricsInAlarms, queues }: Stack): Counted[] {
  return [
    { service: 'S3', what: 'one whole snapshot', quantity: serverMegabytes / 1000, priced: 's3Storage' },
    { service: 'KMS', what: 'signing key, data key', quantity: 2, priced: 'kmsKeys' },
    {
      service: 'SQS',
      what: "Lambda's looks into empty queues",
      quantity: queues * QUEUE_LOOKS_A_MINUTE * HOURS * 60,
      priced: 'queue',
    },
    { service: 'CloudWatch', what: 'own metrics, at most', quantity: metrics, priced: 'metrics' },
    { service: 'CloudWatch', what: 'metrics in alarms', quantity: metricsInAlarms, priced: 'alarms' },
    { service: 'CloudWatch', what: 'dashboard', quantity: 1, priced: 'dashboards' },
  ];
}

/** Without the pages that people open besides, which are few. Here the whole wave is at work as long as somebody looks. */
function consoleLines(fleet: Fleet, stack: Stack): Counted[] {
  if (fleet.watchingHours === 0) return [];
  const looks = (fleet.watchingHours * 3600) / LOOK_SECONDS;
  const reads = countLook(shapeOf(fleet));
  const seconds = looks * (CALL_SECONDS + Math.ceil(reads / READS_AT_ONCE) * STORE_SECONDS);
  const logged = gigabytes(looks * LOOK_LOG_BYTES);
  return [
    { service: 'API Gateway', what: 'looks of browsers at syncs', quantity: looks, priced: 'apiRequests' },
    { service: 'Lambda', what: 'calls of the console', quantity: looks, priced: 'lambdaRequests' },
    {
      service: 'Lambda',
      what: 'time and memory of the console',
      quantity: (seconds * stack.functions.console.memory) / 1024,
      priced: 'lambdaSeconds',
    },
    { service: 'S3', what: 'requests that read, of the console', quantity: looks * reads, priced: 's3Get' },
    {
      service: 'S3',
      what: 'log of the requests of the console',
      quantity: accessLog(looks * reads, stack),
      priced: 's3Storage',
    },
    { service: 'CloudWatch', what: 'logs of the console', quantity: logged, priced: 'logs' },
    { service: 'X-Ray', what: 'traces of the console, at most', quantity: looks, priced: 'traces' },
    {
      service: 'Data transfer',
      what: 'what browsers are shown',
      quantity: gigabytes(looks * LOOK_BYTES),
      priced: 'dataOut',
    },
    { service: 'Secrets Manager', what: 'secret of the console', quantity: 1, priced: 'secrets' },
    { service: 'CloudWatch', what: 'metrics of the console in alarms', quantity: 3, priced: 'alarms' },
  ];
}

function shapeOf(fleet: Fleet): SyncShape {
  return {
    destinations: fleet.destinationsPerSync,
    changed: fleet.destinationsPerSync,
    waveSize: fleet.waveSize,
    packs: Math.ceil(fleet.changedMegabytes / PACK_MEGABYTES),
    ranges: Math.max(1, Math.ceil(fleet.changedMegabytes / RANGE_MEGABYTES)),
    indexes: 1,
    manifestLayers: USUAL_LAYERS,
    inventoryBeats: 0,
    applyBeats: 1 + Math.floor(fleet.applySeconds / BEAT_SECONDS),
    countedBeats: 1 + Math.floor(fleet.applySeconds / COUNTED_BEAT_SECONDS),
    approvers: fleet.approvers,
  };
}

/** Its calls to the store one after the other, and what a large plan and large manifests take beside. */
function lambdaSeconds(fleet: Fleet, { functions }: Stack, { invocations, requests }: SyncUsage): number {
  const entries = fleet.files * fleet.destinationsPerSync * 2;
  const planMegabytes = (fleet.destinationsPerSync * PLAN_BYTES) / 1e6;
  const beside = { plan: entries * ENTRY_SECONDS, apply: invocations.apply * planMegabytes * MEGABYTE_SECONDS };
  return FUNCTIONS.reduce((all, name) => {
    const { deletes, gets, lists, puts } = requests[name];
    const waiting = invocations[name] * CALL_SECONDS + (deletes + gets + lists + puts) * STORE_SECONDS;
    return all + ((waiting + (name === 'plan' || name === 'apply' ? beside[name] : 0)) * functions[name].memory) / 1024;
  }, 0);
}

/** Nothing is counted off for what packs compress or share. A pack that is removed stays as a former version. */
function packsKept({ changedMegabytes, syncsPerMonth }: Fleet, stack: Stack): number {
  const days = stack.pruneKeepDays + stack.pruneGraceDays + stack.noncurrentDays;
  return (changedMegabytes / 1000) * syncsPerMonth * ((days * 24) / HOURS);
}

/** Of all months of a year, for they are audit and stay. */
function documentsKept({ destinationsPerSync, files, syncsPerMonth }: Fleet): number {
  const manifest = (files * MANIFEST_LINE_BYTES) / USUAL_LAYERS;
  return gigabytes(12 * syncsPerMonth * (destinationsPerSync + 1) * (manifest + DOCUMENT_BYTES));
}

function fetched({ changedMegabytes, destinationsPerSync, syncsPerMonth }: Fleet): number {
  return (changedMegabytes / 1000) * destinationsPerSync * syncsPerMonth;
}

function accessLog(requests: number, { accessLogDays }: Stack): number {
  return gigabytes(requests * ACCESS_LOG_BYTES) * ((accessLogDays * 24) / HOURS);
}

function gigabytes(bytes: number): number {
  return bytes / 1e9;
}

function sum(lines: readonly Line[]): number {
  return lines.reduce((all, { dollars }) => all + dollars, 0);
}

const HOURS = 730;

const BEAT_SECONDS = 2;
/** A quarter of the `offline-seconds` that a fleet has unless told otherwise: functions/waiting.ts. */
const COUNTED_BEAT_SECONDS = 15;
const PACK_MEGABYTES = 8;
const RANGE_MEGABYTES = 2;
/** Of a manifest that is stored as deltas: between one and nine. */
const USUAL_LAYERS = 5;

/** Bytes, as they were seen in runs of the tests, rounded up. */
const STATUS_BYTES = 700;
const PLAN_BYTES = 4000;
/** Orders, receipts, progress, part and records of one server in one sync. */
const DOCUMENT_BYTES = 12_000;
/** Compressed. */
const MANIFEST_LINE_BYTES = 50;
/** Headers that S3 answers with: bench/http-bytes.ts. */
const ANSWER_BYTES = 450;
const ACCESS_LOG_BYTES = 600;
const INVOCATION_LOG_BYTES = 2000;
/** Of Lambda, and a line of the API. */
const LOOK_LOG_BYTES = 900;
/** The view of a sync with thirty servers at work. */
const LOOK_BYTES = 20_000;
const STATE_LOG_BYTES = 3000;

/** AWS says of a bucket key that it saves up to 99 % of the calls. */
const BUCKET_KEY_SHARE = 0.01;
/** Five long polls of twenty seconds each, as Lambda keeps them for a queue. */
const QUEUE_LOOKS_A_MINUTE = 15;

/** Seconds that are assumed; only a deployment can measure them. */
const CALL_SECONDS = 0.03;
const STORE_SECONDS = 0.025;
const READS_AT_ONCE = 16;
const MEGABYTE_SECONDS = 0.05;
const ENTRY_SECONDS = 0.000003;
