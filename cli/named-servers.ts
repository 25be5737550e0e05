import { realpath } from 'node:fs/promises';
import { BadInput } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import { serverIdOf } from '#embedded/local-server.ts';
import { type CommandContext, openExistingStore } from './context.ts';
import { pinControlKey } from './control-key.ts';
import { findFleet } from './fleet-documents.ts';
import { type Parties, resolveParties } from './parties.ts';
import { folderLabels, type Labels, serverLabels } from './show/labels.ts';

/** Servers that the store knows something of. */
export interface NamedServers {
  readonly parties: Parties;
  readonly servers: readonly ServerId[];
  readonly labels: Labels;
  readonly store: ObjectStore;
  readonly controlKey: string;
}

/** Servers of the fleet by their ids, or folders of this machine; BadInput where there is nothing to know of them. */
export async function findNamedServers(
  context: CommandContext,
  [first = '', ...others]: readonly string[],
): Promise<NamedServers> {
  const { location } = context;
  const parties = await resolveParties({
    source: first,
    destinations: others,
    storeUrl: location.url,
    readFleet: () => findFleet(context),
  });
  const store = await openExistingStore(context);
  const controlKey = await pinControlKey(store, location.controlFolder);
  if (controlKey === undefined) throw new BadInput(`nothing was synchronized by way of ${store.url} yet`);
  if (parties.kind === 'servers') {
    return { parties, servers: [parties.source, ...parties.destinations], labels: serverLabels, store, controlKey };
  }
  const folders = await Promise.all(
    [parties.source, ...parties.destinations].map(
      async ({ given, path }) => [serverIdOf(await realpath(path)), given] as const,
    ),
  );
  return { parties, servers: folders.map(([id]) => id), labels: folderLabels(new Map(folders)), store, controlKey };
}
