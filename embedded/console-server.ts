import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { BadInput } from '#core/errors.ts';
import { isLoopback } from '#core/loopback.ts';
import { createConsole } from '#functions/console/console.ts';
import type { ConsoleParts } from '#functions/console/console-parts.ts';
import { OneTimeLink } from '#functions/console/sign-in/one-time-link.ts';

export interface ServeConsole {
  readonly parts: Omit<ConsoleParts, 'signIn'>;
  readonly person: string;
  /** Of this machine alone: whoever has the link acts as `person`. */
  readonly host: string;
  readonly port: number;
  /** Where `lockstep console` finds the link that is good now. */
  readonly folder: string;
}

export interface ServedConsole extends AsyncDisposable {
  /** Works once. */
  readonly link: string;
}

/** The console on this machine. BadInput for an address that others can reach, or that is taken. */
export async function serveConsole({ folder, host, parts, person, port }: ServeConsole): Promise<ServedConsole> {
  if (!isLoopback(host))
    throw new BadInput(
      `the console would be open to others at ${host}: without sign-in by an identity provider it is served at 127.0.0.1 only`,
    );
  const file = join(folder, CONSOLE_LINK_FILE);
  let url = '';
  const signIn = new OneTimeLink(person, async (path) => await writeFileDurably(file, Buffer.from(`${url}${path}\n`)));
  const app = createConsole({ ...parts, signIn });
  const listener = getRequestListener(app.fetch);
  const server = createServer((request, response) => void listener(request, response));
  server.listen(port, host);
  await once(server, 'listening').catch((error: unknown) => {
    if (!hasCode(error, 'EADDRINUSE')) throw error;
    throw new BadInput(`${host}:${port} is taken: name another port with --console PORT`);
  });
  url = `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  const link = `${url}${await signIn.renew()}`;
  return {
    link,
    [Symbol.asyncDispose]: async () => {
      await rm(file, { force: true });
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export const CONSOLE_LINK_FILE = 'console-link';
