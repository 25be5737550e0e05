import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '#adapters/file-errors.ts';
import { BadInput } from '#core/errors.ts';
import { CONSOLE_LINK_FILE } from '#embedded/console-server.ts';
import type { CommandContext } from '../context.ts';
import type { CommandOutcome } from '../outcome.ts';

/** The link that opens the console of the controller that runs here; it works once. */
export async function consoleCommand({ location }: CommandContext): Promise<CommandOutcome> {
  const link = await readLink(join(location.controlFolder, CONSOLE_LINK_FILE));
  return { exitStatus: 0, document: { link }, text: link };
}

async function readLink(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new BadInput('no console is served here: start the controller with lockstep up', { cause: error });
  }
}
