import type { Plan, PlannedDestination } from '#core/plan.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncRequest } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { openCopies } from './plan-copies.ts';
import { openRollback } from './plan-rollback.ts';

export type PlanDependencies = Pick<Dependencies, 'store' | 'signer' | 'now' | 'log'>;

/** What has to be read once, whatever the number of destinations that are planned with it. */
export interface Planning {
  /** Of the source's manifest, which is read for every destination. */
  readonly entries: number;
  /** Throws InvalidDocument for what would spoil the plan of every destination. Reads the source's manifest once. */
  readonly assertSource: () => void;
  readonly describeSource: () => Plan['source'];
  readonly planDestination: (server: ServerId) => Promise<PlannedDestination>;
}

export function openPlanning(dependencies: PlanDependencies, request: SyncRequest): Promise<Planning> {
  const { mode } = request.policy;
  return mode === 'rollback' ? openRollback(dependencies, request) : openCopies(dependencies, request, mode);
}

/** One after the other: each may hold half a gigabyte of manifest, and all of them share one processor. */
export async function planDestinations(
  { planDestination }: Planning,
  servers: readonly ServerId[],
): Promise<PlannedDestination[]> {
  const planned: PlannedDestination[] = [];
  for (const server of servers) planned.push(await planDestination(server));
  return planned;
}
