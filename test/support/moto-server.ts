import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export interface MotoServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** `undefined` where moto_server, a stand-in for AWS, is not on PATH. */
export async function findMotoServer(): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'moto_server');
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/** Starts it on a free port of this machine; resolves when it answers. Ends with this process at the latest. */
export async function startMotoServer(
  program: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<MotoServer> {
  const port = await freePort();
  const child = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    env: { ...process.env, ...environment },
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  const stop = async () => {
    process.off('exit', kill);
    kill();
    await exited;
  };
  const endpoint = `http://127.0.0.1:${port}`;
  const answered = await Promise.race([untilItAnswers(endpoint), exited.then(() => false)]);
  if (answered) return { endpoint, stop };
  await stop();
  throw new Error(`${program} did not answer on ${endpoint}`);
}

async function untilItAnswers(endpoint: string): Promise<boolean> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const answer = await fetch(`${endpoint}/moto-api/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return true;
    await wait(100);
  }
  return false;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
