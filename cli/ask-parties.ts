import { statSync } from 'node:fs';
import { multiselect, select, text } from '@clack/prompts';
import { Interrupted } from '#core/errors.ts';
import { fleetServers } from '#core/fleet.ts';
import type { CommandContext } from './context.ts';
import { findFleet } from './fleet-documents.ts';
import { type Parties, resolveParties } from './parties.ts';
import { count } from './show/text.ts';

/** The wizard's first page: source and destinations, of the fleet or as folders of this machine. */
export async function askParties(context: CommandContext): Promise<Parties> {
  const { location, terminal } = context;
  const fleet = await findFleet(context);
  terminal.say(terminal.paint('strong', 'Synchronize Configurations'));
  const servers = fleet === undefined ? [] : fleetServers(fleet);
  const { source, destinations } = servers.length > 1 ? await askServers(context, servers) : await askFolders(context);
  return await resolveParties({ source, destinations, storeUrl: location.url, readFleet: async () => fleet });
}

interface Names {
  readonly source: string;
  readonly destinations: readonly string[];
}

async function askServers(context: CommandContext, servers: readonly string[]): Promise<Names> {
  const prompt = context.terminal.prompt(context.signal);
  const options = servers.map((value) => ({ value, label: value }));
  const folders = { value: '', label: 'folders of this machine', hint: 'instead of servers of the fleet' };
  const source = answered(await select({ message: 'Configuration Source', options: [...options, folders], ...prompt }));
  if (source === '') return await askFolders(context);
  const others = options.filter(({ value }) => value !== source);
  const message = 'Configuration Destinations';
  return { source, destinations: answered(await multiselect({ message, options: others, required: true, ...prompt })) };
}

async function askFolders(context: CommandContext): Promise<Names> {
  const source = await askFolder(context, 'Configuration Source: which folder?');
  const destinations: string[] = [];
  do {
    destinations.push(await askFolder(context, 'Configuration Destination: which folder?'));
  } while (
    (await context.terminal.confirm(`${count(destinations.length, 'destination')}. Another one?`, context.signal)) ===
    true
  );
  return { source, destinations };
}

async function askFolder({ signal, terminal }: CommandContext, message: string): Promise<string> {
  const placeholder = 'a folder of this machine';
  return answered(await text({ message, placeholder, validate: folderProblem, ...terminal.prompt(signal) }));
}

/** Why this is no folder, while the person can still mend it; `undefined` when it is one. */
function folderProblem(given: string | undefined): string | undefined {
  if (given === undefined || given === '') return 'name a folder';
  const stats = statSync(given, { throwIfNoEntry: false });
  if (stats === undefined) return 'there is no such folder';
  return stats.isDirectory() ? undefined : 'that is a file; a folder is needed';
}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (typeof answer === 'symbol') throw new Interrupted('stopped before anything began');
  return answer as Exclude<T, symbol>;
}
