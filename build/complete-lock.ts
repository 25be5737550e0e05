/**
 * Completes package-lock.json with the optional packages for other platforms. npm leaves those out that its registry
 * does not serve at the time, and `npm ci` then refuses the lock everywhere. What is added is what npm itself would
 * write, but for the integrity, which is not known here: other platforms install these by name and version alone.
 */
import { readFile, writeFile } from 'node:fs/promises';

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const PLATFORM =
  /(?:^|-)(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-([a-z0-9]+)(?:-(.*))?$/;

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(await readFile(file, 'utf8')) as { packages: Record<string, LockedPackage> };
const missing = Object.entries(lock.packages).flatMap(([dependent, entry]) =>
  Object.entries(entry.optionalDependencies ?? {})
    .filter(
      ([name]) => !(`node_modules/${name}` in lock.packages) && !(`${dependent}/node_modules/${name}` in lock.packages),
    )
    .flatMap(([name, version]) => describe(name, version, entry) ?? []),
);
const [root, ...rest] = Object.entries(lock.packages);
const sorted = [...rest, ...missing].sort(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = Object.fromEntries(root === undefined ? sorted : [root, ...sorted]);
await writeFile(file, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(`package-lock.json: ${missing.length} packages for other platforms added`);

/** `undefined` for a package whose name does not say its platform. */
function describe(name: string, version: string, dependent: LockedPackage): [[string, LockedPackage]] | undefined {
  const [, os, cpu, abi = ''] = PLATFORM.exec(name.split('/').at(-1) ?? '') ?? [];
  if (os === undefined || cpu === undefined) return undefined;
  const libc = abi.startsWith('musl') ? ['musl'] : abi.startsWith('gnu') ? ['glibc'] : undefined;
  const entry = {
    version,
    cpu: [cpu],
    ...(dependent.dev === true && { dev: true }),
    ...(os === 'linux' && libc !== undefined && { libc }),
    optional: true,
    os: [os],
  };
  return [[`node_modules/${name}`, entry]];
}
