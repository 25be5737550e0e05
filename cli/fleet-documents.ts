import type { Fleet } from '#core/fleet.ts';
import { readFleet } from '#functions/read-fleet.ts';
import { type CommandContext, isMissing, openExistingStore } from './context.ts';

/** As readFleet, where there may be no store at all yet. */
export async function findFleet(context: CommandContext): Promise<Fleet | undefined> {
  if (await isMissing(context.location)) return undefined;
  return await readFleet(await openExistingStore(context), context.signal);
}
