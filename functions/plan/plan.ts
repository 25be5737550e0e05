import * as z from 'zod';
import { parseValue } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { hasChanges, PLAN_FORMAT, type Plan, planDigest } from '#core/plan.ts';
import { sign } from '#core/signed.ts';
import { type SyncRequest, syncIdSchema } from '#core/sync.ts';
import { type CountedEvents, tell } from '../counted-events.ts';
import { createOnce, loadPlan, loadRequest, requirePlan } from '../sync-documents.ts';
import { type Wave, writeFirstWave } from '../waves.ts';
import { batchSchema, divide, joinBatches, planBatch, writeBatches } from './batches.ts';
import { openPlanning, type PlanDependencies, planDestinations } from './planning.ts';

/** What the workflow carries from here on. */
export interface Planned {
  readonly next: 'approve' | 'divide' | 'report';
  /** Seconds until the approvers are reminded. */
  readonly approvalSeconds: number;
  /** Seconds from there until the plan expires. */
  readonly lastSeconds: number;
  readonly wave: Wave;
  /** Key of a JSON array of `{ first, count }`; there is something behind it where `next` is `divide`. */
  readonly batches: string;
}

const eventSchema = z.discriminatedUnion('step', [
  z.strictObject({ step: z.literal('plan'), sync: syncIdSchema }),
  batchSchema.extend({ step: z.literal('batch'), sync: syncIdSchema }),
  z.strictObject({ step: z.literal('join'), sync: syncIdSchema }),
]);

/**
 * Makes the one plan of a sync from the inventories that came in; a plan once made stays. More destinations than one
 * call can plan are divided into batches, each planned by a call of its own, and joined at the end.
 */
export async function plan(dependencies: PlanDependencies, event: unknown): Promise<Planned | undefined> {
  const parsed = parseValue('plan event', eventSchema, event);
  const request = await loadRequest(dependencies.store, parsed.sync);
  switch (parsed.step) {
    case 'plan':
      return await planOrDivide(dependencies, request);
    case 'batch':
      return void (await planBatch(dependencies, request, parsed));
    case 'join':
      return await join(dependencies, request);
  }
}

async function planOrDivide(dependencies: PlanDependencies, request: SyncRequest): Promise<Planned> {
  const { sync } = request;
  // To verify is to take stock and to compare, which is the report's.
  if (request.policy.verify === true) return withoutPlan(request, 'report');
  const made = await loadPlan(dependencies.store, sync, dependencies.signer.publicKey);
  if (made !== undefined) return await describe(dependencies, request, made);
  const planning = await openPlanning(dependencies, request);
  const batches = divide(request.destinations.length, planning.entries);
  if (batches.length > 1) {
    planning.assertSource();
    await writeBatches(dependencies, sync, batches);
    return withoutPlan(request, 'divide');
  }
  const destinations = await planDestinations(planning, request.destinations);
  return await finish(dependencies, request, { source: planning.describeSource(), destinations });
}

async function join(dependencies: PlanDependencies, request: SyncRequest): Promise<Planned> {
  const made = await loadPlan(dependencies.store, request.sync, dependencies.signer.publicKey);
  if (made !== undefined) return await describe(dependencies, request, made);
  const planning = await openPlanning(dependencies, request);
  const destinations = await joinBatches(dependencies, request);
  return await finish(dependencies, request, { source: planning.describeSource(), destinations });
}

async function finish(
  dependencies: PlanDependencies,
  request: SyncRequest,
  planned: Pick<Plan, 'source' | 'destinations'>,
): Promise<Planned> {
  const { store, signer, now, log } = dependencies;
  const createdAt = now();
  const unsigned = {
    format: PLAN_FORMAT,
    sync: request.sync,
    createdAt: createdAt.toISOString(),
    expiresAt: new Date(createdAt.getTime() + request.timeouts.approvalSeconds * 1000).toISOString(),
    requestedBy: request.requestedBy,
    policy: request.policy,
    ...(request.rollbackOf && { rollbackOf: request.rollbackOf }),
    ...planned,
  } as const;
  const signed = await sign({ ...unsigned, digest: planDigest(unsigned) }, signer);
  if (await createOnce(store, keys.plan(request.sync), signed)) tell(log, 'plan-made', tellingOf(signed.payload));
  // Another attempt may have been first; what counts is what is there.
  return await describe(dependencies, request, await requirePlan(store, request.sync, signer.publicKey));
}

function tellingOf({ destinations, sync }: Plan): CountedEvents['plan-made'] {
  const estimated = destinations.map((one) => (one.outcome === 'changes' ? (one.estimate?.bytes ?? 0) : 0));
  return { sync, destinations: destinations.length, bytes: estimated.reduce((sum, bytes) => sum + bytes, 0) };
}

async function describe({ now, store }: PlanDependencies, request: SyncRequest, made: Plan): Promise<Planned> {
  return {
    next: hasChanges(made) && !made.policy.dryRun ? 'approve' : 'report',
    ...secondsToDecide(made, now()),
    wave: await writeFirstWave(store, made, request.waveSize),
    batches: keys.planBatches(request.sync),
  };
}

function withoutPlan({ sync }: SyncRequest, next: Planned['next']): Planned {
  const wave = { index: 0, items: keys.waveItems(sync, 0), more: false, bad: 0 };
  return { next, approvalSeconds: 60, lastSeconds: 60, wave, batches: keys.planBatches(sync) };
}

/** Once the plan has expired, what the approval function itself needs to find the decision that was made in time. */
function secondsToDecide(plan: Plan, now: Date): Pick<Planned, 'approvalSeconds' | 'lastSeconds'> {
  const [from, until] = [Date.parse(plan.createdAt), Date.parse(plan.expiresAt)];
  const secondsTo = (time: number) => Math.ceil((time - now.getTime()) / 1000);
  if (secondsTo(until) <= 0) return { approvalSeconds: 60, lastSeconds: 60 };
  // A state waits a second at least.
  const approvalSeconds = Math.max(1, secondsTo(from + (until - from) * REMINDED_AFTER));
  return { approvalSeconds, lastSeconds: Math.max(1, secondsTo(until) - approvalSeconds) };
}

/** The share of the time that is over when the approvers are reminded. */
const REMINDED_AFTER = 3 / 4;
