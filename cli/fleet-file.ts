import { readFile } from 'node:fs/promises';
import { hasCode } from '#adapters/file-errors.ts';
import { parseYaml } from '#adapters/yaml-document.ts';
import { BadInput } from '#core/errors.ts';
import { type Fleet, fleetSchema } from '#core/fleet.ts';

/** `fleet.yaml`; BadInput names the line where it goes wrong. */
export async function loadFleetFile(path: string): Promise<Fleet> {
  return parseYaml(path, fleetSchema, await readText(path));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT'))
      throw new BadInput(`there is no fleet file ${path}: name it with --config`, { cause });
    throw new BadInput(`fleet file ${path} cannot be read: ${String(cause)}`, { cause });
  }
}
