import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ended } from '#test/support/programs.ts';

/** Filled by prepare.ts; what lies here can be removed at any time. */
export const CACHE = fileURLToPath(new URL('../../.cache/windows', import.meta.url));
export const NODE_EXE = join(CACHE, 'package', 'bin', 'node.exe');
export const AGENT_BUNDLE = join(CACHE, 'agent', 'lockstep-agent.mjs');
export const PREFIX = join(CACHE, 'prefix');
/** What Windows programs see as `C:\lockstep`, where upper and lower case are the same. */
export const DRIVE_FOLDER = join(PREFIX, 'drive_c', 'lockstep');

/** Neither does Wine look for Mono and Gecko, nor for menus of a desktop. */
const ENVIRONMENT = {
  WINEPREFIX: PREFIX,
  WINEDEBUG: '-all',
  WINEDLLOVERRIDES: 'mscoree=;mshtml=;winemenubuilder.exe=',
  NODE_SKIP_PLATFORM_CHECK: '1',
};

/** The path of a file of this machine as a Windows program knows it: on `C:`, or below `Z:`, which folds no names. */
export function windowsPath(path: string): string {
  const driveC = join(PREFIX, 'drive_c');
  const drive = path.startsWith(driveC) ? `C:${path.slice(driveC.length)}` : `Z:${path}`;
  return drive.replaceAll('/', '\\');
}

/** A Windows program that runs. Its output goes to files: Node's console fails on a pipe under Wine. */
export class WindowsProgram {
  readonly #child: ChildProcess;
  readonly #output: string;

  /** `program` is a Windows program that Wine finds, `node` our own node.exe. */
  constructor(program: string, args: readonly string[]) {
    this.#output = mkdtempSync(join(CACHE, 'output', 'run-'));
    const files = ['stdout', 'stderr'].map((name) => openSync(join(this.#output, name), 'w'));
    this.#child = spawn(wineLoader(), [program === 'node' ? NODE_EXE : program, ...args], {
      stdio: ['ignore', ...files],
      env: { ...process.env, ...ENVIRONMENT, NO_COLOR: '1' },
    });
    for (const file of files) closeSync(file);
  }

  get stdout(): string {
    return readFileSync(join(this.#output, 'stdout'), 'utf8');
  }

  get stderr(): string {
    return readFileSync(join(this.#output, 'stderr'), 'utf8');
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async ended(): Promise<Ended> {
    if (!this.hasEnded) await once(this.#child, 'exit');
    return { code: this.#child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  /** As TerminateProcess does: nothing of the program runs any more. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended();
  }
}

/** Where prepare.ts has found Wine. */
function wineLoader(): string {
  const loader = process.env.LOCKSTEP_WINE;
  if (loader === undefined) throw new Error('LOCKSTEP_WINE is not set: start these tests with npm run test:windows');
  return loader;
}

/** For programs of Wine itself. */
export function wineEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, ...ENVIRONMENT };
}
