import { loadProfile } from '#adapters/profile-file.ts';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { isSyncedClass } from '#core/classify.ts';
import { BadInput } from '#core/errors.ts';
import type { Profile } from '#core/profile.ts';
import type { SyncId } from '#core/sync.ts';
import type { FolderSession } from '#embedded/ad-hoc.ts';
import { rulesOf, type WantedPolicy } from '#functions/fleet-rules.ts';
import type { ObserveOptions } from '#functions/observe/observe-sync.ts';
import { requestSync } from '#functions/request-sync.ts';
import { type CommandContext, openExistingStore } from './context.ts';
import { type Control, storeControl } from './control.ts';
import { pinControlKey } from './control-key.ts';
import { assertFoldersUsable } from './folder-checks.ts';
import type { Parties } from './parties.ts';
import { folderLabels, type Labels, serverLabels } from './show/labels.ts';
import type { FolderPaths } from './sync-document.ts';

/** What the person wants of a sync, beside its source and destinations. */
export interface SyncOptions {
  readonly yes: boolean;
  readonly mirror: boolean;
  readonly dryRun: boolean;
  /** Only to compare each with its last receipt. */
  readonly verify?: boolean;
  readonly allowShrink: boolean;
  readonly allowDowngrade: boolean;
  readonly allowVanished: readonly string[];
  /** Percent; `undefined`: the usual share. */
  readonly maxRemovals: number | undefined;
  /** How many files the plan removes, by whoever agrees beforehand. */
  readonly acknowledgeRemovals: number | undefined;
  readonly only: readonly string[];
  /** For folders: the name of a profile, or its file. A fleet's agents have theirs. */
  readonly profile: string | undefined;
}

/** Something that runs syncs: this process for folders, a controller elsewhere for a fleet. */
export interface Session {
  readonly kind: Parties['kind'];
  readonly control: Control;
  readonly pollMilliseconds: number;
  /** Where there is a shorter pause between two looks than to sleep. */
  readonly pause?: ObserveOptions['pause'];
  readonly labels: Labels;
  readonly folders: FolderPaths;
  request(): Promise<SyncId>;
  /** Rejects when the sync cannot come to its end; resolving says nothing. */
  watchOver(sync: SyncId): Promise<void>;
  /** Stops what runs here and leaves the truth about it as the verdict; `false` where nothing runs here. */
  interrupt(sync: SyncId): Promise<boolean>;
  close(): Promise<void>;
}

export async function openSession(context: CommandContext, parties: Parties, options: SyncOptions): Promise<Session> {
  switch (parties.kind) {
    case 'folders':
      return await openFolders(context, parties, options);
    case 'servers':
      return await openServers(context, parties, options);
  }
}

async function openFolders(
  context: CommandContext,
  parties: Extract<Parties, { readonly kind: 'folders' }>,
  options: SyncOptions,
): Promise<Session> {
  const { location, log, person, terminal } = context;
  const profile = await loadProfile(options.profile ?? 'generic');
  assertClassesKnown(options.only, profile);
  await assertFoldersUsable({ ...parties, location, writes: !options.dryRun });
  for (const remark of parties.remarks) terminal.say(`Note: ${remark}`);
  // The engine and the agents take a moment to load; servers of a fleet need neither here.
  const { openAdHocSession } = await import('#embedded/ad-hoc.ts');
  const session = await openAdHocSession({
    storeUrl: location.url,
    stateFolder: location.controlFolder,
    source: parties.source.path,
    destinations: parties.destinations.map(({ path }) => path),
    profile,
    log,
  });
  const servers = [session.source, ...session.destinations];
  const given = [parties.source, ...parties.destinations];
  return {
    ...runHere(session, context),
    labels: folderLabels(new Map(servers.map((server, index) => [server, given[index]?.given ?? server]))),
    folders: new Map(servers.map((server) => [server, session.rootOf(server)])),
    request: () =>
      session.request({ requestedBy: person, ...folderRules(session.destinations.length, policyOf(options)) }),
  };
}

/** What all sessions between folders have in common: they end with this process. */
export function runHere(
  session: Omit<FolderSession, 'request' | 'servers'>,
  context: CommandContext,
): Omit<Session, 'labels' | 'folders' | 'request'> {
  return {
    kind: 'folders',
    control: storeControl(context, session),
    pollMilliseconds: FOLDERS_POLL_MILLISECONDS,
    pause: (milliseconds, signal) => session.pause(milliseconds, signal),
    watchOver: (sync) => session.finished(sync),
    interrupt: async (sync) => {
      await session.interrupt(sync, context.person);
      return true;
    },
    close: () => session.close(),
  };
}

/** The person at the terminal decides, and no folder has to wait for another. */
export function folderRules(destinations: number, policy: WantedPolicy) {
  return {
    policy: { ...policy, approvals: 1, requesterMayApprove: true },
    waveSize: FOLDERS_AT_ONCE,
    errorBudget: destinations,
    timeouts: FOLDER_TIMEOUTS,
    notify: [],
  };
}

async function openServers(
  context: CommandContext,
  { source, destinations, fleet }: Extract<Parties, { readonly kind: 'servers' }>,
  options: SyncOptions,
): Promise<Session> {
  if (options.profile !== undefined) {
    throw new BadInput("--profile is for folders; a server's agent uses the profile in its own configuration");
  }
  const { location, now, person, random } = context;
  const store = await openExistingStore(context);
  const controlKey = await pinControlKey(store, location.controlFolder);
  const dependencies = { store, executions: new StoreExecutions(store), now, random };
  return {
    ...runElsewhere(storeControl(context, { store, controlKey })),
    request: () =>
      requestSync(dependencies, {
        requestedBy: person,
        source,
        destinations: [...destinations],
        ...rulesOf(fleet, policyOf(options)),
      }),
  };
}

/** What all sessions of a fleet have in common: its controller goes on without this process. */
export function runElsewhere(control: Control): Omit<Session, 'request'> {
  return {
    kind: 'servers',
    control,
    pollMilliseconds: control.pollMilliseconds,
    labels: serverLabels,
    folders: new Map(),
    watchOver: async () => undefined,
    interrupt: async () => false,
    close: async () => undefined,
  };
}

export function policyOf(options: SyncOptions): WantedPolicy {
  const { allowDowngrade, allowShrink, allowVanished, dryRun, maxRemovals, mirror, only, verify } = options;
  return {
    mode: mirror ? 'mirror' : 'overwrite',
    allowShrink,
    dryRun,
    ...(verify && { verify }),
    ...(only.length > 0 && { only: [...only] }),
    ...(allowVanished.length > 0 && { allowVanished: [...allowVanished] }),
    ...(allowDowngrade && { allowDowngrade }),
    ...(maxRemovals !== undefined && { maxRemovalPercent: maxRemovals }),
  };
}

function assertClassesKnown(only: readonly string[], profile: Profile): void {
  const known = [...new Set(profile.rules.map((rule) => rule.class))].filter(isSyncedClass);
  const unknown = only.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new BadInput(`profile ${profile.name} has no class ${unknown} that travels; it has ${known.join(', ')}`);
  }
}

const FOLDERS_POLL_MILLISECONDS = 100;
const FOLDERS_AT_ONCE = 8;
const FOLDER_TIMEOUTS = {
  offlineSeconds: 60,
  inventorySeconds: 604_800,
  applySeconds: 604_800,
  approvalSeconds: 86_400,
};
