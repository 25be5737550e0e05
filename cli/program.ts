import { Command, InvalidArgumentError } from 'commander';
import { artifactClassSchema, isSyncedClass } from '#core/profile.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import { decideCommand } from './commands/decide.ts';
import { historyCommand } from './commands/history.ts';
import { pruneCommand } from './commands/prune.ts';
import { fleetStatusCommand, syncStatusCommand } from './commands/status.ts';
import { syncCommand } from './commands/sync.ts';
import { watchCommand } from './commands/watch.ts';
import type { CommandContext } from './context.ts';
import type { CommandOutcome } from './outcome.ts';
import { VERSION } from './version.ts';

/** What every command may be told. */
export interface CommonOptions {
  readonly store?: string;
  readonly json?: boolean;
}

/** Gives a command its surroundings, runs it, and prints what it came to. */
export type RunCommand = (
  options: CommonOptions,
  command: (context: CommandContext) => Promise<CommandOutcome>,
) => Promise<void>;

export interface ProgramOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** All commands, their options and their help. */
export function createProgram(run: RunCommand, { out, err }: ProgramOutput): Command {
  const program = new Command('lockstep')
    .description('Keep the servers of a fleet in lockstep: see the differences, get an approval, overwrite.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      outputError: (text, write) => write(`lockstep: ${text.replace(/^error: /, '')}`),
    })
    .showHelpAfterError('(--help shows how it is used)')
    .addHelpText('after', PROGRAM_HELP);
  addSync(program, run);
  addDecisions(program, run);
  addViews(program, run);
  addPrune(program, run);
  addUp(program, run);
  return program;
}

interface SyncFlags extends CommonOptions {
  readonly yes?: boolean;
  readonly mirror?: boolean;
  readonly dryRun?: boolean;
  readonly allowShrink?: boolean;
  readonly only: readonly string[];
  readonly profile?: string;
}

function addSync(program: Command, run: RunCommand): void {
  const runSync = (names: readonly string[], flags: SyncFlags) =>
    run(flags, (context) =>
      syncCommand(context, names, {
        yes: flags.yes ?? false,
        mirror: flags.mirror ?? false,
        dryRun: flags.dryRun ?? false,
        allowShrink: flags.allowShrink ?? false,
        only: flags.only,
        profile: flags.profile,
      }),
    );
  const sync = program
    .command('sync')
    .description('synchronize configurations: differences, confirmation, progress, result')
    .argument('[source]', 'server of the fleet (site/name), or folder')
    .argument('[destinations...]', 'servers of the fleet, or folders')
    .option('-y, --yes', 'agree beforehand, without a question')
    .option('--dry-run', 'show the differences and stop')
    .action((source: string | undefined, destinations: string[], flags: SyncFlags) =>
      runSync(source === undefined ? [] : [source, ...destinations], flags),
    );
  const plan = program
    .command('plan')
    .description('show the differences and stop; writes nothing but the store')
    .argument('<source>', 'server of the fleet (site/name), or folder')
    .argument('<destinations...>', 'servers of the fleet, or folders')
    .action((source: string, destinations: string[], flags: SyncFlags) =>
      runSync([source, ...destinations], { ...flags, dryRun: true }),
    );
  for (const command of [sync, plan]) {
    command
      .option('--mirror', 'also remove files that the source lacks, of the classes that travel')
      .option(
        '--only <class>',
        'only files of this class; may be repeated, or list several with commas',
        collectClasses,
        [],
      )
      .option('--profile <name>', 'for folders: generic (the default), thinmanager, or a profile file')
      .option('--allow-shrink', 'accept a source that is empty or less than half of a destination');
    addCommon(command);
  }
  sync.addHelpText('after', SYNC_HELP);
  plan.addHelpText('after', PLAN_HELP);
}

interface DecisionFlags extends CommonOptions {
  readonly plan?: string;
  readonly yes?: boolean;
  readonly comment?: string;
}

function addDecisions(program: Command, run: RunCommand): void {
  for (const [verb, decision] of [
    ['approve', 'APPROVED'],
    ['reject', 'REJECTED'],
  ] as const) {
    const command = program
      .command(verb)
      .description(`${verb} the plan of a sync`)
      .argument('<sync>', 'id of the sync', parseSyncId)
      .option('--plan <code>', 'the plan that was looked at: its short code or its digest')
      .option('-y, --yes', 'without a question')
      .option('--comment <text>', 'why; kept with the decision')
      .addHelpText('after', `\nExample:\n  lockstep ${verb} 20260102T030405Z-0a1b2c3d --plan 1f2e-3d4c\n`)
      .action((sync: SyncId, { plan, yes, comment, ...common }: DecisionFlags) =>
        run(common, (context) => decideCommand(context, sync, { decision, plan, yes: yes ?? false, comment })),
      );
    addCommon(command);
  }
}

function addViews(program: Command, run: RunCommand): void {
  const status = program
    .command('status')
    .description('the fleet and what is under way, or one sync as it stands')
    .argument('[sync]', 'id of a sync', parseSyncId)
    .addHelpText('after', '\nExamples:\n  lockstep status\n  lockstep status 20260102T030405Z-0a1b2c3d --json\n')
    .action((sync: SyncId | undefined, flags: CommonOptions) =>
      run(flags, (context) => (sync === undefined ? fleetStatusCommand(context) : syncStatusCommand(context, sync))),
    );
  const watch = program
    .command('watch')
    .description('follow a sync to its verdict; leaving changes nothing')
    .argument('<sync>', 'id of the sync', parseSyncId)
    .addHelpText('after', '\nExample:\n  lockstep watch 20260102T030405Z-0a1b2c3d\n')
    .action((sync: SyncId, flags: CommonOptions) => run(flags, (context) => watchCommand(context, sync)));
  const history = program
    .command('history')
    .description('past syncs and their verdicts, the newest first')
    .option('--limit <number>', 'how many', parseLimit, 20)
    .addHelpText('after', '\nExample:\n  lockstep history --limit 5\n')
    .action(({ limit, ...common }: CommonOptions & { readonly limit: number }) =>
      run(common, (context) => historyCommand(context, { limit })),
    );
  for (const command of [status, watch, history]) addCommon(command);
}

interface PruneFlags extends CommonOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly keep: number;
  readonly keepDays: number;
  readonly graceDays: number;
}

function addPrune(program: Command, run: RunCommand): void {
  const prune = program
    .command('prune')
    .description('remove from the store what no retained snapshot needs, once it has been marked for some days')
    .option('--dry-run', 'show what would be marked and removed; writes nothing')
    .option('-y, --yes', 'agree beforehand, without a question')
    .option('--keep <number>', 'snapshots of each source that stay, the newest', parseLimit, 3)
    .option('--keep-days <days>', 'the snapshots of younger syncs stay, too', parseDays, 30)
    .option('--grace-days <days>', 'how long a thing must have been marked before it is removed', parseDays, 7)
    .addHelpText('after', PRUNE_HELP)
    .action(({ dryRun, yes, keep, keepDays, graceDays, ...common }: PruneFlags) =>
      run(common, (context) =>
        pruneCommand(context, { dryRun: dryRun ?? false, yes: yes ?? false, keep, keepDays, graceDays }),
      ),
    );
  addCommon(prune);
}

function addUp(program: Command, run: RunCommand): void {
  program
    .command('up')
    .description('run the controller of a fleet: workflow engine and outbox')
    .option('--config <file>', 'the fleet file', 'fleet.yaml')
    .option(...STORE_OPTION)
    .addHelpText('after', '\nExample:\n  lockstep up --config fleet.yaml --store file:///srv/lockstep/store\n')
    .action(({ config, ...common }: CommonOptions & { readonly config: string }) =>
      run(common, async (context) => {
        // The engine and the mailer take a moment to load.
        const { upCommand } = await import('./commands/up.ts');
        return await upCommand(context, { config });
      }),
    );
}

function addCommon(command: Command): void {
  command.option('--json', 'print one JSON document on stdout; notes go to stderr').option(...STORE_OPTION);
}

function parseSyncId(text: string): SyncId {
  const id = syncIdSchema.safeParse(text);
  if (id.success) return id.data;
  throw new InvalidArgumentError('expected a sync id such as 20260102T030405Z-0a1b2c3d; lockstep history lists them');
}

function collectClasses(text: string, earlier: readonly string[]): string[] {
  const names = text.split(',').map((name) => name.trim());
  const bad = names.find((name) => !artifactClassSchema.safeParse(name).success || !isSyncedClass(name));
  if (bad !== undefined) throw new InvalidArgumentError(`${JSON.stringify(bad)} is not a class that travels`);
  return [...new Set([...earlier, ...names])];
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new InvalidArgumentError('expected a whole number from 1');
}

function parseDays(text: string): number {
  const days = Number(text);
  if (/^\d+$/.test(text) && days <= MOST_DAYS) return days;
  throw new InvalidArgumentError(`expected a whole number of days from 0 to ${MOST_DAYS}`);
}

const MOST_DAYS = 36_500;

const STORE_OPTION = [
  '--store <url>',
  'file://FOLDER or s3://BUCKET/PREFIX; default LOCKSTEP_STORE, or a folder of this user',
] as const;

const PROGRAM_HELP = `
Examples:
  lockstep sync ./primary ./backup            folders of this machine, nothing to set up
  lockstep sync west/primary west/backup      servers of the fleet, through its controller
  lockstep up --config fleet.yaml             the controller

Exit status: 0 in sync or succeeded; 1 failed, halted or rolled back; 2 usage or bad input;
3 refused, rejected, expired or stale.
`;

const SYNC_HELP = `
The source's files overwrite the corresponding files at each destination, one way: nothing is merged, and licenses are
never touched. Without arguments, on a terminal, it asks for source and destinations.

Examples:
  lockstep sync
  lockstep sync ./primary ./backup
  lockstep sync ./primary ./backup --yes --json
  lockstep sync west/primary west/backup east/backup --only firmware,termcap
`;

const PLAN_HELP = `
Examples:
  lockstep plan ./primary ./backup
  lockstep plan west/primary west/backup --mirror --json
`;

const PRUNE_HELP = `
What the syncs under way need always stays, and while a source takes stock nothing is removed at all. A run marks what
is needed no more, and removes what an earlier run has marked, so it does its work when it is run again and again.

Examples:
  lockstep prune --dry-run
  lockstep prune --yes
  lockstep prune --keep 1 --keep-days 0 --grace-days 0 --yes
`;
