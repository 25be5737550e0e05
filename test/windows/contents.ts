import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '#core/digest.ts';

/**
 * Path -> digest of the content; empty folders end with a slash. Names are as they are on the disk. Without what the agent
 * keeps.
 */
export function contents(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(root.length + 1);
    if (name.startsWith('.lockstep')) continue;
    if (entry.isFile()) found[name] = sha256(readFileSync(path));
    else if (readdirSync(path).length === 0) found[`${name}/`] = '';
  }
  return found;
}
