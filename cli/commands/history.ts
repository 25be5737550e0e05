import { labelled } from '#core/digest.ts';
import { exitStatus } from '#core/verdict.ts';
import { haveFetched, sumTransfers } from '#functions/describe-transfer.ts';
import { type CommandContext, openExistingStore } from '../context.ts';
import { listSyncs, type PastSync } from '../list-syncs.ts';
import type { CommandOutcome } from '../outcome.ts';
import { showSyncs } from '../show/syncs.ts';

/** The newest syncs and how they ended. */
export async function historyCommand(
  context: CommandContext,
  { limit }: { readonly limit: number },
): Promise<CommandOutcome> {
  const syncs = await listSyncs(await openExistingStore(context), limit, context.signal);
  return {
    exitStatus: 0,
    document: { syncs: syncs.map(pastSyncDocument) },
    text: showSyncs(syncs, context.terminal.paint),
  };
}

export function pastSyncDocument({ request, verdict }: PastSync) {
  return {
    sync: request.sync,
    requestedBy: request.requestedBy,
    requestedAt: request.requestedAt,
    source: request.source,
    destinations: request.destinations,
    mode: request.policy.mode,
    dryRun: request.policy.dryRun,
    verdict: verdict?.verdict ?? null,
    plan: verdict?.plan ? labelled(verdict.plan) : null,
    exitStatus: verdict === undefined ? null : exitStatus(verdict),
    ...(verdict && { transfer: sumTransfers(haveFetched(verdict.destinations)) }),
  };
}
