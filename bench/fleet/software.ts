import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface TwoVersions {
  readonly name: string;
  readonly older: readonly FoundFile[];
  readonly newer: readonly FoundFile[];
}

interface FoundFile {
  readonly path: string;
  readonly read: () => Buffer;
}

/** Of what npm has installed for this project, by name: the oldest and the newest version of what is there twice. */
export function findTwoVersions(nodeModules = join(PROJECT, 'node_modules')): TwoVersions[] {
  const packages = [...findPackages(nodeModules)];
  const named = Map.groupBy(packages, ({ name }) => name);
  return [...named.keys()].sort().flatMap((name) => {
    const versions = (named.get(name) ?? []).sort(byVersion);
    const [oldest, newest] = [versions[0], versions.at(-1)];
    if (oldest === undefined || newest === undefined || oldest.version === newest.version) return [];
    return [{ name, older: filesOf(oldest.folder), newer: filesOf(newest.folder) }];
  });
}

interface Package {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}

function* findPackages(nodeModules: string): Generator<Package> {
  for (const entry of readdirSync(nodeModules, { withFileTypes: true })) {
    const folder = join(nodeModules, entry.name);
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    if (entry.name.startsWith('@')) yield* findPackages(folder);
    const description = join(folder, 'package.json');
    if (existsSync(description)) {
      const { name, version } = JSON.parse(readFileSync(description, 'utf8'));
      if (typeof name === 'string' && typeof version === 'string') yield { name, version, folder };
    }
    if (existsSync(join(folder, 'node_modules'))) yield* findPackages(join(folder, 'node_modules'));
  }
}

/** Without the packages that it has brought along. */
function filesOf(folder: string): FoundFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !`/${dirname(path)}/`.includes('/node_modules/'))
    .sort()
    .map((path) => ({ path, read: () => readFileSync(join(folder, path)) }));
}

function byVersion(a: Package, b: Package): number {
  return a.version.localeCompare(b.version, 'en', { numeric: true });
}

const PROJECT = resolve(import.meta.dirname, '../..');
