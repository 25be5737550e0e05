import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { type ServerId, serverIdSchema } from '#core/server.ts';

/** What stands for a folder of this machine, by its real path: the same folder is the same server at every run. */
export function serverIdOf(root: string): ServerId {
  const name = basename(root)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  const digest = createHash('sha256').update(root).digest('hex').slice(0, 8);
  return serverIdSchema.parse(`local/${name === '' ? 'folder' : name}-${digest}`);
}

/** Where the agent of such a server keeps its memory. */
export function memoryOf(stateFolder: string, server: ServerId): string {
  return join(stateFolder, 'agents', server.replace('/', '.'));
}
