import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openFileSigner } from '#adapters/file-signer.ts';
import { openStore } from '#adapters/open-store.ts';
import { OutboxNotifier } from '#adapters/outbox-notifier.ts';
import { holdSingleInstance } from '#adapters/single-instance.ts';
import { encodeDocument } from '#core/documents.ts';
import { type Fleet, fleetServers } from '#core/fleet.ts';
import { keys, parseExecutionKey } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { printable } from '#core/printable.ts';
import { publishControlKey } from '#embedded/control-key.ts';
import { Controller } from '#embedded/controller.ts';
import type { CommandContext } from '../context.ts';
import { loadFleetFile } from '../fleet-file.ts';
import type { CommandOutcome } from '../outcome.ts';
import { count } from '../show/text.ts';

/** The controller: runs the fleet's syncs until it is stopped; what is unfinished goes on at the next start. */
export async function upCommand(
  context: CommandContext,
  { config }: { readonly config: string },
): Promise<CommandOutcome> {
  const { location, now, signal, terminal } = context;
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
  await store.put(keys.fleet(), encodeDocument(fleet), { signal });

  const outbox = join(location.controlFolder, 'outbox');
  const log = (event: string, fields: Readonly<Record<string, unknown>>) => terminal.say(logLine(now(), event, fields));
  const notifier = new OutboxNotifier(outbox, (line) => terminal.say(printable(line)), now);
  terminal.say(await greeting({ fleet, store, outbox }));
  const pollMilliseconds = location.folder === undefined ? FAR_POLL_MILLISECONDS : NEAR_POLL_MILLISECONDS;
  const controller = await Controller.start({ store, signer, notifier, now, log, pollMilliseconds, adopt: true });
  try {
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await controller.stop();
  }
  return { exitStatus: 0, document: null, text: 'Controller stopped; unfinished syncs go on when it starts again.' };
}

interface Surroundings {
  readonly fleet: Fleet;
  readonly store: ObjectStore;
  readonly outbox: string;
}

async function greeting({ fleet, store, outbox }: Surroundings): Promise<string> {
  const unfinished: string[] = [];
  for await (const { key } of store.list(keys.executions())) {
    const sync = parseExecutionKey(key);
    if (sync !== undefined) unfinished.push(sync);
  }
  return [
    `Controller of fleet ${fleet.fleet}: ${count(fleetServers(fleet).length, 'server')}, store ${store.url}`,
    `Mail goes to ${outbox}`,
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
