import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { hasCode } from '#adapters/file-errors.ts';
import { BadInput } from '#core/errors.ts';
import { type Fleet, fleetServers } from '#core/fleet.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';

/** Between whom a sync runs: folders of this machine, or servers of a fleet. */
export type Parties =
  | {
      readonly kind: 'folders';
      readonly source: Folder;
      readonly destinations: readonly Folder[];
      readonly remarks: readonly string[];
    }
  | {
      readonly kind: 'servers';
      readonly source: ServerId;
      readonly destinations: readonly ServerId[];
      readonly fleet: Fleet;
    };

export interface Folder {
  /** As the person wrote it. */
  readonly given: string;
  /** Absolute. */
  readonly path: string;
}

export interface PartiesRequest {
  readonly source: string;
  readonly destinations: readonly string[];
  /** For messages. */
  readonly storeUrl: string;
  /** Asked only when an argument might be a server id. */
  readonly readFleet: () => Promise<Fleet | undefined>;
}

/**
 * A folder that exists, or an argument that can only be a path, is a folder; anything else must be a server of
 * the fleet. One sync has one kind: folders on this machine, or servers of a fleet.
 */
export async function resolveParties(request: PartiesRequest): Promise<Parties> {
  const all = await Promise.all(
    [request.source, ...request.destinations].map((argument) => resolveParty(argument, request)),
  );
  const folders = all.filter((party) => party.kind === 'folder');
  const servers = all.filter((party) => party.kind === 'server');
  const [folder, ...otherFolders] = folders;
  const [server, ...otherServers] = servers;
  if (folder !== undefined && server !== undefined) {
    throw new BadInput(
      `${folder.given} is a folder on this machine and ${server.id} a server of the fleet: name only folders, or only servers`,
    );
  }
  if (server !== undefined) {
    assertDistinct(servers.map(({ id }) => id));
    return { kind: 'servers', source: server.id, destinations: otherServers.map(({ id }) => id), fleet: server.fleet };
  }
  if (folder === undefined) throw new BadInput('name a source and at least one destination');
  return {
    kind: 'folders',
    source: folder,
    destinations: otherFolders,
    remarks: folders.flatMap(({ remark }) => remark ?? []),
  };
}

type Party =
  | { readonly kind: 'folder'; readonly given: string; readonly path: string; readonly remark: string | undefined }
  | { readonly kind: 'server'; readonly id: ServerId; readonly fleet: Fleet };

async function resolveParty(given: string, { storeUrl, readFleet }: PartiesRequest): Promise<Party> {
  const path = resolve(given);
  const id = serverIdSchema.safeParse(given);
  const found = given === '' ? undefined : await kindOf(path);
  if (found === 'folder') {
    const fleet = id.success ? await readFleet() : undefined;
    const ambiguous = id.success && fleet !== undefined && fleetServers(fleet).includes(id.data);
    const remark = ambiguous
      ? `${given} is taken as the folder ${path}, not as the server of that name in the fleet`
      : undefined;
    return { kind: 'folder', given, path, remark };
  }
  if (found === 'file') throw new BadInput(`${path} is a file; a folder is needed`);
  if (!id.success) throw new BadInput(`there is no folder ${given === '' ? '""' : path}`);
  const fleet = await readFleet();
  if (fleet === undefined) {
    throw new BadInput(
      `there is no folder ${path}, and no server ${given}: no fleet file was pushed to ${storeUrl} (see lockstep up)`,
    );
  }
  if (!fleetServers(fleet).includes(id.data)) {
    throw new BadInput(`there is no folder ${path}, and no server ${given} in fleet ${fleet.fleet} of ${storeUrl}`);
  }
  return { kind: 'server', id: id.data, fleet };
}

function assertDistinct(servers: readonly ServerId[]): void {
  const twice = servers.find((server, index) => servers.indexOf(server) !== index);
  if (twice !== undefined)
    throw new BadInput(`${twice} is named twice: a sync has one source and other servers as destinations`);
}

async function kindOf(path: string): Promise<'folder' | 'file' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    if (hasCode(cause, 'ENOTDIR'))
      throw new BadInput(`there is no folder ${path}: a part of that path is a file`, { cause });
    throw new BadInput(`${path} cannot be looked at (${String(cause)}): check the permissions`, { cause });
  }
}
