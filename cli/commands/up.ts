import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { openFileSigner } from '#adapters/file-signer.ts';
import { openStore } from '#adapters/open-store.ts';
import { holdSingleInstance } from '#adapters/single-instance.ts';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { type Fleet, fleetServers } from '#core/fleet.ts';
import { keys, parseExecutionKey } from '#core/keys.ts';
import type { Lease } from '#core/lease.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { printable } from '#core/printable.ts';
import { type ServeConsole, type ServedConsole, serveConsole } from '#embedded/console-server.ts';
import { Controller } from '#embedded/controller.ts';
import { leadAlone } from '#embedded/lead-alone.ts';
import { publishControlKey } from '#functions/control-key.ts';
import type { CommandContext } from '../context.ts';
import { loadFleetFile } from '../fleet-file.ts';
import { openNotifier } from '../open-notifier.ts';
import type { CommandOutcome } from '../outcome.ts';
import { readSecretFile } from '../read-secret-file.ts';
import { count } from '../show/text.ts';

export interface UpOptions {
  readonly config: string;
  /** Port of the console; `false`: none is served. */
  readonly console: number | false;
  readonly consoleHost?: string | undefined;
  /** What an identity provider has given out for this console, in a file of its own. */
  readonly oidcSecretFile?: string | undefined;
  /** What `fleet.mail` names may want one. */
  readonly smtpPasswordFile?: string | undefined;
}

/** The controller: runs the fleet's syncs until it is stopped; what is unfinished goes on at the next start. */
export async function upCommand(
  context: CommandContext,
  { config, console, consoleHost, oidcSecretFile, smtpPasswordFile: passwordFile }: UpOptions,
): Promise<CommandOutcome> {
  const { location, now, person, random, signal, terminal } = context;
  const fleet = await loadFleetFile(config);
  await mkdir(location.controlFolder, { recursive: true, mode: 0o700 });
  await using _hold = await holdSingleInstance({
    role: 'controller',
    subject: location.url,
    taken: `another controller runs on ${location.url} already: stop it first, or name another store with --store`,
  });
  const store = await openStore(location.url);
  const signer = await openFileSigner(join(location.controlFolder, 'control-key.pem'));
  await publishControlKey(store, signer.publicKey);

  const outbox = join(location.controlFolder, 'outbox');
  const log = (event: string, fields: Readonly<Record<string, unknown>>) => terminal.say(logLine(now(), event, fields));
  const { goesTo, notifier } = await openNotifier(context, { fleet, outbox, passwordFile, log });
  await using served = await serveConsoleAt(console, {
    host: consoleHost ?? '127.0.0.1',
    settings: fleet.console,
    publicUrl: fleet['console-url'],
    oidcSecret: oidcSecretFile === undefined ? context.oidcSecret : await readSecretFile(oidcSecretFile),
    parts: {
      store,
      controlKey: async () => signer.publicKey,
      executions: new StoreExecutions(store),
      now,
      random,
      log,
    },
    person,
    folder: location.controlFolder,
  });
  if (served !== undefined) terminal.say(`Console: ${describeConsole(served)}`);
  const pollMilliseconds = location.folder === undefined ? FAR_POLL_MILLISECONDS : NEAR_POLL_MILLISECONDS;
  const by = `${person} on ${hostname()}`.slice(0, LONGEST_NAME);
  const holder = sha256(`${hostname()} ${location.controlFolder}`);
  const onStandBy = (lease: Lease) => terminal.say(printable(describeLeader(lease, location.url)));
  await leadAlone({ store, now, log, by, holder, onStandBy, signal }, async (fenced, over) => {
    await fenced.put(keys.fleet(), encodeDocument(fleet), { signal });
    terminal.say(await greeting({ fleet, store, goesTo }));
    const parts = { store: fenced, signer, notifier, now, log, pollMilliseconds, adopt: true };
    const controller = await Controller.start(parts);
    try {
      if (!over.aborted) await once(over, 'abort');
    } finally {
      await controller.stop();
    }
  });
  return { exitStatus: 0, document: null, text: 'Controller stopped; unfinished syncs go on when it starts again.' };
}

async function serveConsoleAt(
  port: number | false,
  rest: Omit<ServeConsole, 'port'>,
): Promise<ServedConsole | undefined> {
  return port === false ? undefined : await serveConsole({ ...rest, port });
}

function describeConsole({ address, link, signIn }: ServedConsole): string {
  return signIn === 'link'
    ? `${link} (works once; lockstep console prints another)`
    : `${link} (served at ${address}, for the proxy that has the certificate)`;
}

function describeLeader({ by, until }: Lease, url: string): string {
  return `Another controller serves ${url}: ${by}, until ${until} unless it goes on. Standing by; Ctrl-C stops this one.`;
}

interface Surroundings {
  readonly fleet: Fleet;
  readonly store: ObjectStore;
  readonly goesTo: string;
}

async function greeting({ fleet, goesTo, store }: Surroundings): Promise<string> {
  const unfinished: string[] = [];
  for await (const { key } of store.list(keys.executions())) {
    const sync = parseExecutionKey(key);
    if (sync !== undefined) unfinished.push(sync);
  }
  return [
    `Controller of fleet ${fleet.fleet}: ${count(fleetServers(fleet).length, 'server')}, store ${store.url}`,
    `Mail goes to ${goesTo}`,
    ...(unfinished.length > 0 ? [`Going on with ${unfinished.join(', ')}`] : []),
    'Listening; Ctrl-C stops it.',
  ].join('\n');
}

function logLine(at: Date, event: string, fields: Readonly<Record<string, unknown>>): string {
  const details = Object.entries(fields).map(([name, value]) => `${name}=${printable(String(value))}`);
  return [at.toISOString(), event, ...details].join(' ');
}

const NEAR_POLL_MILLISECONDS = 250;
const FAR_POLL_MILLISECONDS = 2000;
const LONGEST_NAME = 200;
