import { bytes, grid } from '#bench/show.ts';
import { limitsAt } from '#scale/limits.ts';
import type { Workflow } from '#scale/transitions.ts';
import { sumRequests } from './count-requests.ts';
import type { MeasuredPlan } from './measure-plan.ts';
import type { SimulatedSync } from './simulated-fleet.ts';

export const SIZES = [10, 1000, 10_000] as const;

/** Each limit and our use of it in fleets of these sizes, the scarcest in the largest fleet first. */
export function showLimits(workflow: Workflow): string {
  const columns = SIZES.map((servers) => limitsAt(workflow, servers));
  const largest = columns.at(-1) ?? [];
  const rows = largest.map((limit, row) => [
    limit.name,
    limit.most,
    limit.source,
    ...columns.map((limits) => limits[row]?.use ?? ''),
    limit.share === undefined ? 'takes longer' : percent(limit.share),
  ]);
  const order = largest.map(({ share = -1 }, row) => ({ row, share })).sort((a, b) => b.share - a.share);
  const titles = ['limit', 'of AWS, or ours', 'from', ...SIZES.map((size) => `at ${size.toLocaleString('en')}`)];
  return grid(
    [...titles, 'used at the largest'],
    order.map(({ row }) => rows[row] ?? []),
    3,
  );
}

/** What was counted of real runs. */
export function showSyncs(syncs: readonly SimulatedSync[]): string {
  return [whole(syncs), byCaller(syncs), byPrefix(syncs)].filter((table) => table !== '').join('\n');
}

function whole(syncs: readonly SimulatedSync[]): string {
  const row = (what: string, of: (sync: SimulatedSync) => string) => [what, ...syncs.map(of)];
  const rows = [
    row('waves of', ({ waveSize }) => count(waveSize)),
    row('verdict', ({ verdict }) => verdict),
    row('states entered', ({ workflow }) => count(workflow.transitions)),
    row('executions, with children', ({ workflow }) => count(workflow.executions)),
    row('events of the parent', ({ workflow }) => count(workflow.parentEvents)),
    row('events of a child', ({ workflow }) => count(workflow.childEvents)),
    row('largest payload', ({ workflow }) => `${count(workflow.largestPayload)} bytes`),
    row('it is the', ({ workflow }) => workflow.largestPayloadAt),
    row('signatures', ({ signatures }) => count(signatures)),
    row('mails', ({ mails }) => count(mails)),
    row('calls of functions', ({ invocations }) => count(sum(Object.values(invocations)))),
    row('the plan', ({ planBytes }) => bytes(planBytes)),
    row('wall', ({ wallSeconds }) => `${wallSeconds.toFixed(0)} s`),
    row('processor', ({ cpuSeconds }) => `${cpuSeconds.toFixed(0)} s`),
    row('peak memory', ({ peakMemory }) => bytes(peakMemory)),
  ];
  return grid(titlesOf(syncs, 'counted'), rows, 1);
}

function byCaller(syncs: readonly SimulatedSync[]): string {
  const callers = new Set(syncs.flatMap(({ requests }) => Object.keys(requests)));
  const rows = [...callers]
    .sort()
    .map((caller) => [caller, ...syncs.map(({ requests }) => show(new Map(Object.entries(requests)).get(caller)))]);
  return grid(titlesOf(syncs, 'PUT / GET / LIST / DELETE by'), rows, 1);
}

function byPrefix(syncs: readonly SimulatedSync[]): string {
  const prefixes = new Set(syncs.flatMap((sync) => Object.keys(sync.prefixes)));
  const rows = [...prefixes].sort().map((prefix) => [prefix, ...syncs.map((sync) => show(sync.prefixes[prefix]))]);
  const all = syncs.map((sync) => show(sumRequests(Object.values(sync.prefixes))));
  return grid(titlesOf(syncs, 'below the prefix'), [...rows, ['all', ...all]], 1);
}

function titlesOf(syncs: readonly SimulatedSync[], what: string): string[] {
  return [what, ...syncs.map(({ servers }) => `${servers.toLocaleString('en')} servers`)];
}

function show(requests: SimulatedSync['prefixes'][string] | undefined): string {
  if (requests === undefined) return '';
  const { deletes, gets, lists, puts } = requests;
  return [puts, gets, lists, deletes].map(count).join(' / ');
}

/** One call of the plan function, and how many destinations it could plan before Lambda ends it. */
export function showPlans(plans: readonly MeasuredPlan[]): string {
  const rows = plans.map(({ artifacts, cpuSeconds, destinations, memory, seconds }) => [
    count(artifacts),
    count(destinations),
    `${seconds.toFixed(1)} s`,
    `${cpuSeconds.toFixed(1)} s`,
    bytes(memory),
  ]);
  return grid(['artifacts', 'destinations', 'wall', 'processor', 'peak memory'], rows, 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function percent(share: number): string {
  return share < 0.01 ? 'under 1 %' : `${Math.round(share * 100)} %`;
}
