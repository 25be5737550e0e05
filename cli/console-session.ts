import { BadInput } from '#core/errors.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { startedSyncSchema } from '#functions/api/documents.ts';
import { openConsoleClient } from './console-address.ts';
import { openConsoleControl } from './console-control.ts';
import type { CommandContext } from './context.ts';
import { policyOf, runElsewhere, type Session, type SyncOptions } from './session.ts';

/** Between servers that only the console knows. */
export async function openConsoleSession(
  context: CommandContext,
  names: readonly string[],
  options: SyncOptions,
): Promise<Session> {
  if (options.profile !== undefined)
    throw new BadInput("--profile is for folders; a server's agent uses the profile in its own configuration");
  const [source, ...destinations] = names.map((name) => parseServer(name, context.location.url));
  if (source === undefined || destinations.length === 0)
    throw new BadInput('name a source and at least one destination, as lockstep status lists them');
  const { allowDowngrade, allowShrink, allowVanished, dryRun, maxRemovalPercent, mode, only } = policyOf(options);
  const body = {
    source,
    destinations,
    mode,
    dryRun,
    allowShrink,
    allowDowngrade,
    allowVanished,
    only,
    maxRemovalPercent,
  };
  return {
    ...runElsewhere(await openConsoleControl(context)),
    request: async () => {
      const client = openConsoleClient(context);
      const { sync } = await client.ask('/api/v1/syncs', { body, schema: startedSyncSchema, signal: context.signal });
      return sync;
    },
  };
}

function parseServer(name: string, url: string): ServerId {
  const id = serverIdSchema.safeParse(name);
  if (id.success) return id.data;
  throw new BadInput(
    `${name} is no server (site/name), and ${url} knows no other: for folders of this machine leave out --store and LOCKSTEP_STORE`,
  );
}
