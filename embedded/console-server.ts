import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { BadInput } from '#core/errors.ts';
import { isLoopback } from '#core/loopback.ts';
import type { ConsoleSettings, OidcSettings } from '#core/sign-in.ts';
import { createConsole } from '#functions/console/console.ts';
import type { ConsoleContext, ConsoleParts } from '#functions/console/console-parts.ts';
import { OpenIdConnect } from '#functions/console/sign-in/oidc.ts';
import { OneTimeLink } from '#functions/console/sign-in/one-time-link.ts';

export interface ServeConsole {
  readonly parts: Omit<ConsoleParts, 'signIn' | 'origins' | 'addressOf' | 'readsAheadUntil'>;
  /** Whoever has the one-time link acts as him. */
  readonly person: string;
  /** Of this machine alone, unless an identity provider says who people are. */
  readonly host: string;
  readonly port: number;
  /** Where `lockstep console` finds what opens the console. */
  readonly folder: string;
  readonly settings?: ConsoleSettings | undefined;
  /** Where people find it; with an identity provider it is found nowhere else. */
  readonly publicUrl?: string | undefined;
  readonly oidcSecret?: string | undefined;
}

export interface ServedConsole extends AsyncDisposable {
  /** What opens it: works once, or leads to the identity provider. */
  readonly link: string;
  readonly signIn: 'link' | 'oidc';
  /** Where it listens. */
  readonly address: string;
}

/** The console of this process. BadInput for an address that others can reach without a sign-in, or that is taken. */
export async function serveConsole(wish: ServeConsole): Promise<ServedConsole> {
  const { folder, host, parts, person, port, settings } = wish;
  const oidc = readOidc(wish);
  const provider = oidc && (await openProvider(wish, oidc));
  const server = createServer();
  server.listen(port, host);
  await once(server, 'listening').catch((error: unknown) => {
    if (!hasCode(error, 'EADDRINUSE')) throw error;
    throw new BadInput(`${host}:${port} is taken: name another port with --console PORT`);
  });
  const { port: bound } = server.address() as AddressInfo;
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  const file = join(folder, CONSOLE_LINK_FILE);
  const publish = async (link: string) => await writeFileDurably(file, Buffer.from(`${link}\n`));
  const byLink = new OneTimeLink({
    ...{ person, now: parts.now, sessionHours: settings?.['session-hours'] ?? HOURS },
    publish: async (path) => await publish(`${address}${path}`),
  });
  const closing = new AbortController();
  const app = createConsole({
    ...parts,
    readsAheadUntil: closing.signal,
    signIn: provider ?? byLink,
    origins: oidc === undefined ? [address, ...LOOPBACK.map((name) => `http://${name}:${bound}`)] : [oidc.publicUrl],
    addressOf: addressBehind(settings?.proxies ?? 0),
  });
  const listener = getRequestListener(app.fetch);
  server.on('request', (request, response) => void listener(request, response));
  if (oidc !== undefined) await publish(oidc.publicUrl);
  return {
    link: oidc?.publicUrl ?? `${address}${await byLink.renew()}`,
    address,
    signIn: oidc === undefined ? 'link' : 'oidc',
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await rm(file, { force: true });
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

interface Oidc {
  readonly settings: OidcSettings;
  readonly publicUrl: string;
}

function readOidc({ host, publicUrl, settings }: ServeConsole): Oidc | undefined {
  if (settings?.oidc === undefined) {
    if (isLoopback(host)) return undefined;
    throw new BadInput(
      `the console would be open to others at ${host}: name an identity provider in the fleet file (console.oidc), for without one it is served on this machine only`,
    );
  }
  if (publicUrl === undefined)
    throw new BadInput(
      'sign-in by an identity provider leads people away and back: name the address of the console in the fleet file (console-url)',
    );
  return { settings: settings.oidc, publicUrl: new URL(publicUrl).origin };
}

async function openProvider(
  { folder, oidcSecret: secret, parts, settings }: ServeConsole,
  { publicUrl, settings: oidc }: Oidc,
): Promise<OpenIdConnect> {
  const { log, now } = parts;
  const sessionKey = await openSessionKey(join(folder, SESSION_KEY_FILE));
  const sessionHours = settings?.['session-hours'] ?? HOURS;
  return new OpenIdConnect({ settings: oidc, secret, publicUrl, sessionKey, sessionHours, now, log });
}

/** Kept, so that a restart signs nobody out; whoever removes it signs everybody out at the next start. */
async function openSessionKey(file: string): Promise<Uint8Array> {
  try {
    const key = Buffer.from((await readFile(file, 'utf8')).trim(), 'base64url');
    if (key.length === KEY_BYTES) return key;
    throw new BadInput(`${file} is no key for sessions: remove it, and another is made; everybody signs in again then`);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    const key = randomBytes(KEY_BYTES);
    await writeFileDurably(file, Buffer.from(`${key.toString('base64url')}\n`), { mode: 0o600 });
    return key;
  }
}

/** Each proxy writes down, last, who asked it: what stands before those was written by anybody. */
function addressBehind(proxies: number): (context: ConsoleContext) => string | undefined {
  return (context) => {
    const { address } = getConnInfo(context).remote;
    if (proxies === 0) return address;
    const passed = (context.req.header('X-Forwarded-For') ?? '').split(',').at(-proxies)?.trim() ?? '';
    return isIP(passed) === 0 ? address : passed;
  };
}

export const CONSOLE_LINK_FILE = 'console-link';
const SESSION_KEY_FILE = 'console-session-key';
const KEY_BYTES = 32;
const HOURS = 8;
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
