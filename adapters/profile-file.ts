import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { BadInput } from '#core/errors.ts';
import { type Profile, profileSchema } from '#core/profile.ts';
import { hasCode } from './file-errors.ts';
import { parseYaml } from './yaml-document.ts';

/** A profile by the name of a file in profiles/, or by its path. Throws BadInput, with the line. */
export async function loadProfile(nameOrPath: string): Promise<Profile> {
  for (const path of candidates(nameOrPath)) {
    const text = await readText(path);
    if (text !== undefined) return parseYaml(path, profileSchema, text);
  }
  throw new BadInput(
    `there is no profile ${nameOrPath}: give the path of a profile file, or one of the names generic and thinmanager`,
  );
}

function candidates(nameOrPath: string): string[] {
  if (!PROFILE_NAME.test(nameOrPath)) return [nameOrPath];
  return FOLDERS.map((folder) => fileURLToPath(new URL(`${nameOrPath}.yaml`, folder)));
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw new BadInput(`profile ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

const PROFILE_NAME = /^[a-z0-9][a-z0-9-]*$/;

/** Of the repository, and beside a bundle. */
const FOLDERS = [new URL('../profiles/', import.meta.url), new URL('./profiles/', import.meta.url)];
