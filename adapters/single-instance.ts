import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BadInput } from '#core/errors.ts';
import { hasCode } from './file-errors.ts';

export interface SingleInstance {
  /** What runs: `agent`, `controller`. */
  readonly role: string;
  /** What it must be alone with, by its real path or URL. */
  readonly subject: string;
  /** For whoever comes second: what is so, and what to do. */
  readonly taken: string;
}

/**
 * Makes sure that there is one of these, by a name that the kernel frees with the process: an abstract socket on
 * Linux, a named pipe on Windows. Elsewhere a file with the process id. Throws BadInput when there is one.
 */
export async function holdSingleInstance({ role, subject, taken }: SingleInstance): Promise<AsyncDisposable> {
  const name = `lockstep-${role}-${createHash('sha256').update(subject).digest('hex').slice(0, 32)}`;
  switch (process.platform) {
    case 'linux':
      return await holdPipe(`\0${name}`, taken);
    case 'win32':
      return await holdPipe(`\\\\.\\pipe\\${name}`, taken);
    default:
      return holdFile(join(tmpdir(), `${name}.pid`), taken);
  }
}

async function holdPipe(path: string, taken: string): Promise<AsyncDisposable> {
  const server = createServer((connection) => connection.destroy());
  try {
    await listen(server, path);
  } catch (cause) {
    throw hasCode(cause, 'EADDRINUSE', 'EACCES') ? new BadInput(taken, { cause }) : cause;
  }
  server.unref();
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function holdFile(path: string, taken: string): AsyncDisposable {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } catch (cause) {
    if (!hasCode(cause, 'EEXIST')) throw cause;
    if (isAlive(Number(readFileSync(path, 'utf8')))) throw new BadInput(taken, { cause });
    writeFileSync(path, String(process.pid));
  }
  return { [Symbol.asyncDispose]: async () => rmSync(path, { force: true }) };
}

function isAlive(processId: number): boolean {
  if (!Number.isInteger(processId) || processId <= 0) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}
