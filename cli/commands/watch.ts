import type { SyncId } from '#core/sync.ts';
import { exitStatus } from '#core/verdict.ts';
import { type CommandContext, openExistingStore } from '../context.ts';
import { pinControlKey } from '../control-key.ts';
import { howToDecide } from '../decide.ts';
import { followSync, POLL_MILLISECONDS } from '../follow-sync.ts';
import type { CommandOutcome } from '../outcome.ts';
import { serverLabels } from '../show/labels.ts';
import { showVerdict } from '../show/verdict.ts';
import { syncDocument } from '../sync-document.ts';

/** Shows a sync that runs elsewhere until its verdict; leaving changes nothing. */
export async function watchCommand(context: CommandContext, sync: SyncId): Promise<CommandOutcome> {
  const { location, signal, terminal } = context;
  const store = await openExistingStore(context);
  const controlKey = await pinControlKey(store, location.controlFolder);
  const { verdict } = await followSync(context, {
    ...{ controlKey, signal, store, sync },
    pollMilliseconds: POLL_MILLISECONDS,
    labels: serverLabels,
    onApproval: async (plan) => terminal.say(howToDecide(plan)),
  });
  return {
    exitStatus: exitStatus(verdict),
    document: syncDocument(verdict, new Map()),
    text: showVerdict(verdict, serverLabels, terminal.paint),
  };
}
