import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** Path -> permissions, and of a file its time and what it holds. */
export type TreeSnapshot = ReadonlyMap<string, string>;

/** Everything below the folder but `except`; folders end with a slash. */
export function snapshotOfTree(folder: string, except?: string): TreeSnapshot {
  if (!existsSync(folder)) return new Map();
  const lines: [string, string][] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1).replaceAll(sep, '/');
    if (except !== undefined && (name === except || name.startsWith(`${except}/`))) continue;
    const { mode, mtimeMs } = lstatSync(path);
    const permissions = (mode & 0o7777).toString(8);
    if (entry.isDirectory()) lines.push([`${name}/`, permissions]);
    else lines.push([name, `${permissions} ${Math.trunc(mtimeMs)} ${digestOf(path)}`]);
  }
  return new Map(lines.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function differencesOf(one: TreeSnapshot, other: TreeSnapshot): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((path) => one.get(path) !== other.get(path));
}

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
