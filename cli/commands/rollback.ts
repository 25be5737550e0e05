import type { SyncId } from '#core/sync.ts';
import { findWritten } from '#functions/find-written.ts';
import { type CommandContext, openExistingStore } from '../context.ts';
import type { CommandOutcome } from '../outcome.ts';
import { findServers, locate, openRollbackSession } from '../rollback-session.ts';
import { assertDecidable, carryThrough, type RunOptions } from './sync.ts';

/** Puts back what a sync replaced or removed: differences, confirmation, progress and result as of any other. */
export async function rollbackCommand(
  context: CommandContext,
  { names, sync: past }: { readonly sync: SyncId; readonly names: readonly string[] },
  options: Pick<RunOptions, 'dryRun' | 'yes'>,
): Promise<CommandOutcome> {
  const written = await findWritten(await openExistingStore(context), past);
  const servers = await findServers(written, names);
  const place = await locate(context, servers);
  const run = { ...options, acknowledgeRemovals: undefined };
  assertDecidable(context, place, run);
  const session = await openRollbackSession(context, place, { written, servers, dryRun: options.dryRun });
  try {
    const sync = await session.request();
    context.terminal.say(context.terminal.paint('faint', `Rollback ${sync} of sync ${past}`));
    return await carryThrough(context, { session, sync, options: run });
  } finally {
    await session.close();
  }
}
