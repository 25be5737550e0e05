import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Hooks } from '#agents/hook-settings.ts';
import type { ServerId } from '#core/server.ts';
import { type Tree, writeTree } from '#test/support/trees.ts';
import { setHooks } from '../agents/agent-of-files.ts';
import { AGENT_BUNDLE, DRIVE_FOLDER, WindowsProgram, windowsPath } from './wine.ts';

/** A server of the fleet on Windows: the agent's bundle on a real node.exe, with its root on `C:`. */
export class WindowsServer {
  readonly server: ServerId;
  /** As this machine sees it. */
  readonly root: string;
  readonly #state: string;
  #agent: WindowsProgram | undefined;

  private constructor(server: ServerId, folder: string) {
    this.server = server;
    this.root = join(folder, 'ThinManager Server');
    this.#state = join(folder, 'state');
  }

  static async enrol(server: ServerId, tree: Tree, storeUrl: string): Promise<WindowsServer> {
    const enrolled = new WindowsServer(server, driveFolder());
    writeTree(enrolled.root, tree);
    mkdirSync(enrolled.#state);
    const args = ['--store', storeUrl, '--server', server, '--root', windowsPath(enrolled.root)];
    const { code, stderr } = await enrolled.#program('enroll', ...args, ...enrolled.#stateArgs()).ended();
    if (code !== 0) throw new Error(`the enrolment of ${server} ended with ${code}: ${stderr}`);
    return enrolled;
  }

  /** Runs until the test ends, or it is killed. */
  start(): void {
    const agent = this.#program('run', '--poll', '0.1', ...this.#stateArgs());
    this.#agent = agent;
    onTestFinished(() => agent.kill());
  }

  async kill(): Promise<void> {
    await this.#agent?.kill();
  }

  /** In agent.json, for its next start. */
  setHooks(hooks: Hooks): void {
    setHooks(this.#state, hooks);
  }

  /** What it has logged since its last start. */
  get log(): string {
    return this.#agent?.stderr ?? '';
  }

  /** Resolves when the log has such a line. */
  async logged(text: string): Promise<void> {
    while (!this.log.includes(text)) {
      if (this.#agent?.hasEnded === true) throw new Error(`the agent of ${this.server} has ended: ${this.log}`);
      await sleep(20);
    }
  }

  #program(...args: readonly string[]): WindowsProgram {
    return new WindowsProgram('node', [windowsPath(AGENT_BUNDLE), ...args]);
  }

  #stateArgs(): readonly string[] {
    return ['--state', windowsPath(this.#state)];
  }
}

/** A folder on `C:` that lives as long as the test. */
function driveFolder(): string {
  const folder = mkdtempSync(join(DRIVE_FOLDER, 'test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
