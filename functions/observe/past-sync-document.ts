import { labelled } from '#core/digest.ts';
import { exitStatus } from '#core/verdict.ts';
import { haveFetched, sumTransfers } from '../describe-transfer.ts';
import type { PastSync } from './list-syncs.ts';

/** One line of the history, for programs. */
export function pastSyncDocument({ request, verdict }: PastSync) {
  return {
    sync: request.sync,
    requestedBy: request.requestedBy,
    requestedAt: request.requestedAt,
    source: request.source,
    destinations: request.destinations,
    mode: request.policy.mode,
    ...(request.rollbackOf && { rollbackOf: request.rollbackOf }),
    dryRun: request.policy.dryRun,
    ...(request.policy.verify && { verify: true as const }),
    verdict: verdict?.verdict ?? null,
    plan: verdict?.plan ? labelled(verdict.plan) : null,
    exitStatus: verdict === undefined ? null : exitStatus(verdict),
    ...(verdict && { transfer: sumTransfers(haveFetched(verdict.destinations)) }),
  };
}
