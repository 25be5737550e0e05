import { realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BadInput } from '#core/errors.ts';

/** That the agent's own folder and a store on this machine are not among the files that it serves. */
export function assertApart(root: string, stateFolder: string, storeUrl: string): void {
  if (isWithin(root, stateFolder))
    throw new BadInput(`the state folder ${stateFolder} lies in the root ${root}: give another --state`);
  if (!storeUrl.startsWith('file://')) return;
  const store = folderOf(storeUrl);
  if (store !== undefined && isWithin(root, store))
    throw new BadInput(`the store ${storeUrl} lies in the root ${root}: keep it elsewhere`);
}

function isWithin(root: string, path: string): boolean {
  const way = relative(root, realPathSoFar(resolve(path)));
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && resolve(root, way) === join(root, way));
}

/** Links resolved as far as the path exists. */
function realPathSoFar(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    return join(realPathSoFar(above), path.slice(above.length));
  }
}

function folderOf(url: string): string | undefined {
  try {
    return fileURLToPath(url);
  } catch {
    // Opening the store says what is wrong with it.
    return undefined;
  }
}
