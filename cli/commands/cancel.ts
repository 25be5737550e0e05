import type { SyncId } from '#core/sync.ts';
import type { CommandContext } from '../context.ts';
import { openControl } from '../control.ts';
import type { CommandOutcome } from '../outcome.ts';

/** Stops a sync, wherever it runs: what was begun comes to its end, nothing more is. */
export async function cancelCommand(context: CommandContext, sync: SyncId): Promise<CommandOutcome> {
  const control = await openControl(context);
  await control.cancel(sync);
  return {
    exitStatus: 0,
    document: { sync, cancelled: true },
    text: `Sync ${sync} is being stopped: what was begun comes to its end.\n  lockstep watch ${sync}`,
  };
}
