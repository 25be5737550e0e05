import type { SyncId } from '#core/sync.ts';
import { exitStatus } from '#core/verdict.ts';
import type { CommandContext } from '../context.ts';
import { openControl } from '../control.ts';
import { howToDecide } from '../decide.ts';
import { followSync } from '../follow-sync.ts';
import type { CommandOutcome } from '../outcome.ts';
import { serverLabels } from '../show/labels.ts';
import { showVerdict } from '../show/verdict.ts';
import { syncDocument } from '../sync-document.ts';

/** Shows a sync that runs elsewhere until its verdict; leaving changes nothing. */
export async function watchCommand(context: CommandContext, sync: SyncId): Promise<CommandOutcome> {
  const { signal, terminal } = context;
  const control = await openControl(context);
  const { verdict } = await followSync(context, {
    ...{ control, signal, sync },
    pollMilliseconds: control.pollMilliseconds,
    labels: serverLabels,
    onApproval: async (plan) => terminal.say(howToDecide(plan)),
  });
  return {
    exitStatus: exitStatus(verdict),
    document: syncDocument(verdict, new Map()),
    text: showVerdict(verdict, serverLabels, terminal.paint),
  };
}
