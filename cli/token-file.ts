import { readFile } from 'node:fs/promises';
import { BadInput } from '#core/errors.ts';

/** What it holds, without the line's end. */
export async function readTokenFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new BadInput(`the token file ${path} cannot be read: ${String(cause)}`, { cause });
  }
}
