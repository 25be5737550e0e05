import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { BadInput } from '#core/errors.ts';
import type { Fleet } from '#core/fleet.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { serverIdOf } from '#embedded/local-server.ts';
import { type RecalledFolder, recallFolder } from '#embedded/recall-folder.ts';
import { assertWrittenAt, type WrittenSync } from '#functions/find-written.ts';
import { rulesOf } from '#functions/fleet-rules.ts';
import { requestSync, type SyncWish } from '#functions/request-sync.ts';
import { type CommandContext, openExistingStore } from './context.ts';
import { storeControl } from './control.ts';
import { pinControlKey } from './control-key.ts';
import { findFleet } from './fleet-documents.ts';
import { assertFoldersUsable } from './folder-checks.ts';
import { folderRules, runElsewhere, runHere, type Session } from './session.ts';
import { folderLabels } from './show/labels.ts';

/** A rollback that was asked for. */
export interface RollbackWish {
  readonly written: WrittenSync;
  readonly servers: readonly ServerId[];
  readonly dryRun: boolean;
}

/** Where its destinations are: folders of this machine, or servers of a fleet. */
export type RollbackPlace =
  | { readonly kind: 'folders'; readonly folders: readonly RecalledFolder[] }
  | { readonly kind: 'servers'; readonly fleet: Fleet };

/** Servers by their ids, folders by their paths; without names all that the sync has written. BadInput for any other. */
export async function findServers(written: WrittenSync, names: readonly string[]): Promise<readonly ServerId[]> {
  if (names.length === 0) return written.destinations;
  const servers = new Set(await Promise.all(names.map((name) => findServer(written, name))));
  assertWrittenAt(written, [...servers]);
  return [...servers];
}

async function findServer({ destinations }: WrittenSync, name: string): Promise<ServerId> {
  const id = serverIdSchema.safeParse(name).data;
  if (id !== undefined && destinations.includes(id)) return id;
  const folder = await realpath(name).catch(() => undefined);
  if (folder !== undefined) return serverIdOf(folder);
  if (id !== undefined) return id;
  throw new BadInput(`there is no folder ${resolve(name)}, and ${JSON.stringify(name)} is no server of a fleet`);
}

/** BadInput where nobody would carry the rollback out. */
export async function locate(context: CommandContext, servers: readonly ServerId[]): Promise<RollbackPlace> {
  const { location } = context;
  const recalled = await Promise.all(servers.map((server) => recallFolder(location.controlFolder, server)));
  const folders = recalled.filter((folder) => folder !== undefined);
  const gone = folders.find(({ root }) => !existsSync(root));
  if (gone !== undefined)
    throw new BadInput(`the folder ${gone.root} is no longer there: put it back, or name the others`);
  if (folders.length === servers.length) return { kind: 'folders', folders };
  const fleet = await findFleet(context);
  if (fleet !== undefined) return { kind: 'servers', fleet };
  throw new BadInput(
    `${servers.join(', ')}: neither folders that this user has synchronized by way of ${location.url}, nor servers of a fleet that it knows`,
  );
}

export async function openRollbackSession(
  context: CommandContext,
  place: RollbackPlace,
  wish: RollbackWish,
): Promise<Session> {
  switch (place.kind) {
    case 'folders':
      return await openFolders(context, place.folders, wish);
    case 'servers':
      return await openServers(context, place.fleet, wish);
  }
}

async function openFolders(
  context: CommandContext,
  folders: readonly RecalledFolder[],
  wish: RollbackWish,
): Promise<Session> {
  const { location, log, person } = context;
  const roots = folders.map(({ root }) => root);
  const destinations = roots.map((root) => ({ given: root, path: root }));
  await assertFoldersUsable({ destinations, location, writes: !wish.dryRun });
  const [first] = folders;
  if (first === undefined) throw new TypeError('expected a folder');
  const { openFolderSession } = await import('#embedded/ad-hoc.ts');
  const session = await openFolderSession({
    storeUrl: location.url,
    stateFolder: location.controlFolder,
    folders: roots,
    profile: first.profile,
    log,
  });
  return {
    ...runHere(session, context),
    labels: folderLabels(new Map(wish.servers.map((server) => [server, session.rootOf(server)]))),
    folders: new Map(wish.servers.map((server) => [server, session.rootOf(server)])),
    request: () => session.request(toRequest(wish, person, folderRules(wish.servers.length, policyOf(wish)))),
  };
}

async function openServers(context: CommandContext, fleet: Fleet, wish: RollbackWish): Promise<Session> {
  const { location, now, person, random } = context;
  const store = await openExistingStore(context);
  const controlKey = await pinControlKey(store, location.controlFolder);
  const dependencies = { store, executions: new StoreExecutions(store), now, random };
  return {
    ...runElsewhere(storeControl(context, { store, controlKey })),
    request: () => requestSync(dependencies, toRequest(wish, person, rulesOf(fleet, policyOf(wish)))),
  };
}

type Rules = Omit<SyncWish, 'requestedBy' | 'source' | 'destinations' | 'rollbackOf'>;

function toRequest({ servers, written }: RollbackWish, requestedBy: string, rules: Rules): SyncWish {
  const { source, sync: rollbackOf } = written.request;
  return { ...rules, requestedBy, source, rollbackOf, destinations: [...servers] };
}

/** Going back is no reason for the guards of a release: what is removed was put there by the sync. */
function policyOf({ dryRun }: RollbackWish) {
  return { mode: 'rollback', allowShrink: false, dryRun } as const;
}
