import { isSyncedClass } from '#core/classify.ts';
import { type Fleet, fleetServers } from '#core/fleet.ts';
import { artifactClassSchema } from '#core/profile.ts';
import type { ServerId } from '#core/server.ts';
import { copyModeSchema } from '#core/sync.ts';
import { rulesOf, type WantedPolicy } from '../fleet-rules.ts';
import type { SyncWish } from '../request-sync.ts';

/** What somebody has filled in, right or wrong, so that the form can be shown again. */
export interface Choice {
  readonly find: string;
  readonly source: string;
  readonly destinations: readonly string[];
  /** All whose servers are destinations. */
  readonly sites: readonly string[];
  readonly mode: string;
  readonly dryRun: boolean;
  readonly only: string;
  readonly allowShrink: boolean;
  readonly allowDowngrade: boolean;
  readonly allowVanished: string;
  readonly maxRemovals: string;
}

/** `values`: of a form or of an address, by name. */
export function readChoice(values: ReadonlyMap<string, readonly string[]>): Choice {
  const one = (name: string) => (values.get(name)?.[0] ?? '').trim();
  const isTicked = (name: string) => one(name) !== '';
  return {
    find: one('find'),
    source: one('source'),
    destinations: values.get('destination') ?? [],
    sites: values.get('site') ?? [],
    mode: one('mode') || 'overwrite',
    dryRun: isTicked('dry-run'),
    only: one('only'),
    allowShrink: isTicked('allow-shrink'),
    allowDowngrade: isTicked('allow-downgrade'),
    allowVanished: one('allow-vanished'),
    maxRemovals: one('max-removals'),
  };
}

/** What is wrong with a choice, and where. */
export interface Problem {
  /** Of the element to go to. */
  readonly id: string;
  readonly text: string;
}

export type Chosen = Omit<SyncWish, 'requestedBy'> | { readonly problems: readonly Problem[] };

/** What the control plane is asked for, by the fleet's rules; or all that stands against it. */
export function toWish(choice: Choice, fleet: Fleet): Chosen {
  const problems: Problem[] = [];
  const servers = new Set<string>(fleetServers(fleet));
  const isServer = (id: string): id is ServerId => servers.has(id);
  const { source } = choice;
  if (!isServer(source))
    problems.push({
      id: 'servers',
      text: source === '' ? 'Choose the server to copy from.' : `There is no server ${source}.`,
    });
  const destinations = chosenDestinations(choice, fleet, problems).filter(isServer);
  const policy = toPolicy(choice, problems);
  if (problems.length > 0 || policy === undefined || !isServer(source)) return { problems };
  return { source, destinations, ...rulesOf(fleet, policy) };
}

function chosenDestinations({ destinations, sites, source }: Choice, fleet: Fleet, problems: Problem[]): string[] {
  const servers = new Set<string>(fleetServers(fleet));
  const unknown = destinations.find((id) => !servers.has(id));
  if (unknown !== undefined) problems.push({ id: 'servers', text: `There is no server ${unknown}.` });
  if (source !== '' && destinations.includes(source))
    problems.push({ id: 'servers', text: `${source} cannot be source and destination: take one of the two back.` });
  const ofSites = [...servers].filter((server) => sites.includes(server.split('/')[0] ?? ''));
  const chosen = [...new Set<string>([...destinations, ...ofSites])].filter((server) => server !== source);
  if (chosen.length === 0 && problems.length === 0)
    problems.push({ id: 'servers', text: 'Choose at least one server to overwrite.' });
  return chosen;
}

function toPolicy(choice: Choice, problems: Problem[]): WantedPolicy | undefined {
  const mode = copyModeSchema.safeParse(choice.mode);
  if (!mode.success) problems.push({ id: 'field-mode', text: 'Choose Overwrite or Mirror.' });
  const only = toClasses(choice.only, 'field-only', problems);
  const vanished = toClasses(choice.allowVanished, 'field-allow-vanished', problems);
  const isPercent = choice.maxRemovals === '' || /^(100|\d{1,2})$/.test(choice.maxRemovals);
  if (!isPercent) problems.push({ id: 'field-max-removals', text: 'The share of removals is a number from 0 to 100.' });
  if (!mode.success) return undefined;
  return {
    mode: mode.data,
    allowShrink: choice.allowShrink,
    dryRun: choice.dryRun,
    ...(only.length > 0 && { only }),
    ...(vanished.length > 0 && { allowVanished: vanished }),
    ...(choice.allowDowngrade && { allowDowngrade: true }),
    ...(choice.maxRemovals !== '' && { maxRemovalPercent: Number(choice.maxRemovals) }),
  };
}

function toClasses(text: string, id: string, problems: Problem[]): string[] {
  const names = [...new Set(text.split(/[\s,]+/).filter((name) => name !== ''))];
  const wrong = names.find((name) => !artifactClassSchema.safeParse(name).success || !isSyncedClass(name));
  if (wrong !== undefined)
    problems.push({ id, text: `${JSON.stringify(wrong.slice(0, 40))} is no class of files that travels.` });
  if (names.length > MOST_CLASSES) problems.push({ id, text: `At most ${MOST_CLASSES} classes can be named.` });
  return names;
}

const MOST_CLASSES = 50;
