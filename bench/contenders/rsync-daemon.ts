import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, Sample } from '../contender.ts';
import type { Shape } from '../lane.ts';
import { resetTree } from '../reset-tree.ts';
import { runProgram, startProgram, stopGroup } from '../run-program.ts';
import { ShapedProxy } from '../shaped-proxy.ts';
import { makeEmpty, type Step, type Workspace } from '../workspace.ts';
import { RSYNC_ARGS, rsyncWire } from './rsync.ts';

interface Running {
  readonly daemon: ChildProcess;
  readonly proxy: ShapedProxy;
}

/** rsync with zstd from one server to a daemon on the other, over a line of the given shape. */
export class RsyncDaemon implements Contender {
  readonly #workspace: Workspace;
  readonly #step: Step;
  readonly #line: Shape;
  readonly #folder: string;
  #running: Running | undefined;

  constructor(workspace: Workspace, step: Step, line: Shape) {
    this.#workspace = workspace;
    this.#step = step;
    this.#line = line;
    this.#folder = workspace.place('rsync-daemon');
  }

  async prepare(): Promise<void> {
    makeEmpty(this.#path('destination'));
    const port = await freePort();
    writeFileSync(this.#path('rsyncd.conf'), this.#configuration());
    const args = ['--daemon', '--no-detach', `--config=${this.#path('rsyncd.conf')}`, `--port=${port}`];
    const daemon = startProgram({ file: 'rsync', args: [...args, '--address=127.0.0.1'] }, this.#workspace.signal);
    daemon.stdout?.resume();
    daemon.stderr?.resume();
    this.#running = { daemon, proxy: await ShapedProxy.open(port, this.#line) };
    await listening(port, daemon);
  }

  async reset(): Promise<void> {
    const { from } = this.#step;
    if (from === undefined) makeEmpty(this.#path('destination'));
    else
      await resetTree(
        { folder: this.#path('destination'), wanted: this.#workspace.fleet(from), byLink: true },
        this.#workspace.signal,
      );
  }

  async run(): Promise<Sample> {
    const target = `rsync://127.0.0.1:${this.#running?.proxy.port}/destination/`;
    const args = [...RSYNC_ARGS['rsync-zstd'], '--stats', `${this.#workspace.fleet(this.#step.to)}/`, target];
    const ended = await runProgram({ file: 'rsync', args }, this.#workspace.signal);
    // The daemon's share of memory and processor is not in ours to measure: neither is told.
    return { wall: ended.wall, wire: rsyncWire(ended.stdout) };
  }

  async dispose(): Promise<void> {
    if (this.#running !== undefined) {
      const { daemon, proxy } = this.#running;
      await proxy.close();
      const ended = daemon.exitCode === null && daemon.signalCode === null ? once(daemon, 'close') : undefined;
      stopGroup(daemon, 'SIGTERM');
      await ended;
    }
    this.#workspace.drop(this.#folder);
  }

  /** As the user that runs the bench, whoever that is. */
  #configuration(): string {
    const identity = process.getuid?.() === 0 ? 'uid = 0\ngid = 0\n' : '';
    return `use chroot = no\nreverse lookup = no\n${identity}[destination]\npath = ${this.#path('destination')}\nread only = no\n`;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** Free a moment ago: good enough for loopback. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port of this machine is free');
  return address.port;
}

async function listening(port: number, daemon: ChildProcess): Promise<void> {
  while (daemon.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`the rsync daemon ended with ${daemon.exitCode}`);
}
