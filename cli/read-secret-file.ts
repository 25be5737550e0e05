import { readFile } from 'node:fs/promises';
import { BadInput } from '#core/errors.ts';

/** A password or a client's secret, on the only line of a file. */
export async function readSecretFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new BadInput(`the secret in ${path} cannot be read: ${String(cause)}`, { cause });
  }
}
