import { Command } from 'commander';
import type { AccessRole } from '#core/access-token.ts';
import type { SyncId } from '#core/sync.ts';
import { cancelCommand } from './commands/cancel.ts';
import { decideCommand } from './commands/decide.ts';
import { historyCommand, serverHistoryCommand } from './commands/history.ts';
import { pruneCommand } from './commands/prune.ts';
import { fleetStatusCommand, syncStatusCommand } from './commands/status.ts';
import { syncCommand } from './commands/sync.ts';
import type { UpOptions } from './commands/up.ts';
import { watchCommand } from './commands/watch.ts';
import type { CommandContext } from './context.ts';
import {
  HISTORY_HELP,
  PLAN_HELP,
  PROGRAM_HELP,
  PRUNE_HELP,
  ROLLBACK_HELP,
  SYNC_HELP,
  TOKEN_HELP,
  VERIFY_HELP,
} from './help-texts.ts';
import {
  ACKNOWLEDGE_OPTION,
  addCommon,
  CONSOLE_PORT,
  collectClasses,
  collectRoles,
  parseCount,
  parseDays,
  parseLimit,
  parsePercent,
  parsePort,
  parseSyncId,
  parseTokenDays,
  STORE_OPTION,
} from './options.ts';
import type { CommandOutcome } from './outcome.ts';
import { VERSION } from './version.ts';

/** What every command may be told. */
export interface CommonOptions {
  readonly store?: string;
  readonly tokenFile?: string;
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
  addRollback(program, run);
  addDecisions(program, run);
  addCancel(program, run);
  addViews(program, run);
  addVerify(program, run);
  addPrune(program, run);
  addUp(program, run);
  addPush(program, run);
  addConsole(program, run);
  addTokens(program, run);
  return program;
}

interface SyncFlags extends CommonOptions {
  readonly yes?: boolean;
  readonly mirror?: boolean;
  readonly dryRun?: boolean;
  readonly allowShrink?: boolean;
  readonly allowDowngrade?: boolean;
  readonly allowVanished: readonly string[];
  readonly maxRemovals?: number;
  readonly acknowledgeRemovals?: number;
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
        allowDowngrade: flags.allowDowngrade ?? false,
        allowVanished: flags.allowVanished,
        maxRemovals: flags.maxRemovals,
        acknowledgeRemovals: flags.acknowledgeRemovals,
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
    .option(...ACKNOWLEDGE_OPTION, parseCount)
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
      .option('--allow-shrink', 'accept a source that is empty or less than half of a destination')
      .option(
        '--allow-vanished <class>',
        'accept a source that has lost all files of this class; may be repeated, or list several with commas',
        collectClasses,
        [],
      )
      .option('--allow-downgrade', "accept a source whose product is older than a destination's")
      .option(
        '--max-removals <percent>',
        'removals beyond this share of a destination need an acknowledgement; 10 unless told',
        parsePercent,
      );
    addCommon(command);
  }
  sync.addHelpText('after', SYNC_HELP);
  plan.addHelpText('after', PLAN_HELP);
}

interface RollbackFlags extends CommonOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

function addRollback(program: Command, run: RunCommand): void {
  const rollback = program
    .command('rollback')
    .description('put back what a sync replaced or removed, where nobody has changed it since')
    .argument('<sync>', 'id of the sync', parseSyncId)
    .argument('[destinations...]', 'only there: servers of the fleet, or folders; else wherever it succeeded')
    .option('-y, --yes', 'agree beforehand, without a question')
    .option('--dry-run', 'show what would be put back and stop')
    .addHelpText('after', ROLLBACK_HELP)
    .action((sync: SyncId, names: string[], { dryRun, yes, ...common }: RollbackFlags) =>
      run(common, async (context) => {
        const { rollbackCommand } = await import('./commands/rollback.ts');
        return await rollbackCommand(context, { sync, names }, { dryRun: dryRun ?? false, yes: yes ?? false });
      }),
    );
  addCommon(rollback);
}

interface DecisionFlags extends CommonOptions {
  readonly plan?: string;
  readonly acknowledgeRemovals?: number;
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
      .action((sync: SyncId, { acknowledgeRemovals, plan, yes, comment, ...common }: DecisionFlags) =>
        run(common, (context) =>
          decideCommand(context, sync, { decision, plan, yes: yes ?? false, comment, acknowledgeRemovals }),
        ),
      );
    if (verb === 'approve') command.option(...ACKNOWLEDGE_OPTION, parseCount);
    addCommon(command);
  }
}

function addCancel(program: Command, run: RunCommand): void {
  const command = program
    .command('cancel')
    .description('stop a sync of the fleet: what was begun comes to its end, nothing more is')
    .argument('<sync>', 'id of the sync', parseSyncId)
    .addHelpText('after', '\nExample:\n  lockstep cancel 20260102T030405Z-0a1b2c3d\n')
    .action((sync: SyncId, flags: CommonOptions) => run(flags, (context) => cancelCommand(context, sync)));
  addCommon(command);
}

interface TokenFlags extends CommonOptions {
  readonly name: string;
  readonly role: readonly AccessRole[];
  readonly days: number;
}

function addTokens(program: Command, run: RunCommand): void {
  const token = program
    .command('token')
    .description("tokens with which programs use the console's API; takes the store itself")
    .addHelpText('after', TOKEN_HELP);
  const create = token
    .command('create')
    .description('make a token and print it, this once')
    .requiredOption('--name <text>', 'what it is for')
    .requiredOption('--role <role>', 'viewer, operator or approver; may be repeated', collectRoles, [])
    .option('--days <number>', 'how long it is good, at most a year', parseTokenDays, 90)
    .action(({ days, name, role, ...common }: TokenFlags) =>
      run(common, async (context) => {
        const { createTokenCommand } = await import('./commands/token.ts');
        return await createTokenCommand(context, { name, roles: role, days });
      }),
    );
  const list = token
    .command('list')
    .description('the tokens that there are, and whose; never what they are')
    .action((common: CommonOptions) =>
      run(common, async (context) => {
        const { listTokensCommand } = await import('./commands/token.ts');
        return await listTokensCommand(context);
      }),
    );
  const revoke = token
    .command('revoke')
    .description('make a token good for nothing')
    .argument('<id>', 'as lockstep token list shows it')
    .action((id: string, common: CommonOptions) =>
      run(common, async (context) => {
        const { revokeTokenCommand } = await import('./commands/token.ts');
        return await revokeTokenCommand(context, id);
      }),
    );
  for (const command of [create, list, revoke]) addCommon(command);
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
    .description('past syncs and their verdicts, the newest first; or the chain of receipts of one server')
    .argument('[server]', 'server of the fleet (site/name), or folder')
    .option('--limit <number>', 'how many, the newest', parseLimit, 20)
    .addHelpText('after', HISTORY_HELP)
    .action((name: string | undefined, { limit, ...common }: CommonOptions & { readonly limit: number }) =>
      run(common, (context) =>
        name === undefined ? historyCommand(context, { limit }) : serverHistoryCommand(context, { limit, name }),
      ),
    );
  for (const command of [status, watch, history]) addCommon(command);
}

function addVerify(program: Command, run: RunCommand): void {
  const verify = program
    .command('verify')
    .description('read every file again, and compare with the last receipt, byte for byte; writes nothing there')
    .argument('<servers...>', 'servers of the fleet (site/name), or folders')
    .option('--profile <name>', 'for folders: the profile that they were synchronized with, where it was not generic')
    .addHelpText('after', VERIFY_HELP)
    .action((names: string[], { profile, ...common }: CommonOptions & { readonly profile?: string }) =>
      run(common, async (context) => {
        const { verifyCommand } = await import('./commands/verify.ts');
        return await verifyCommand(context, names, { profile });
      }),
    );
  addCommon(verify);
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
    .description('run the controller of a fleet: workflow engine, console and outbox')
    .option('--config <file>', 'the fleet file', 'fleet.yaml')
    .option('--console <port>', 'port of the console; 0: any that is free', parsePort, CONSOLE_PORT)
    .option('--console-host <address>', 'elsewhere than on this machine: needs console.oidc in the fleet file')
    .option('--no-console', 'serve no console')
    .option('--oidc-secret-file <file>', "the console's secret at the identity provider; else LOCKSTEP_OIDC_SECRET")
    .option('--smtp-password-file <file>', 'password for the mail server; else LOCKSTEP_SMTP_PASSWORD')
    .option(...STORE_OPTION)
    .addHelpText('after', '\nExample:\n  lockstep up --config fleet.yaml --store file:///srv/lockstep/store\n')
    .action(
      ({ config, console, consoleHost, oidcSecretFile, smtpPasswordFile, ...common }: CommonOptions & UpOptions) =>
        run(common, async (context) => {
          // The engine and the mailer take a moment to load.
          const { upCommand } = await import('./commands/up.ts');
          return await upCommand(context, { config, console, consoleHost, oidcSecretFile, smtpPasswordFile });
        }),
    );
}

function addConsole(program: Command, run: RunCommand): void {
  const command = program
    .command('console')
    .description('print what opens the console: a link that works once, or its address');
  addCommon(command);
  command.addHelpText('after', '\nExample:\n  lockstep console\n').action((common: CommonOptions) =>
    run(common, async (context) => {
      const { consoleCommand } = await import('./commands/console.ts');
      return await consoleCommand(context);
    }),
  );
}

function addPush(program: Command, run: RunCommand): void {
  const command = program
    .command('push')
    .description('say which servers there are, to a workflow that runs on AWS')
    .option('--config <file>', 'the fleet file', 'fleet.yaml')
    .option('--signing-key <key>', "once: the stack's key in AWS KMS, whose public half agents pin");
  addCommon(command);
  const example = '\nExample:\n  lockstep push --config fleet.yaml --store s3://BUCKET --signing-key ARN\n';
  command
    .addHelpText('after', example)
    .action(
      ({ config, signingKey, ...common }: CommonOptions & { readonly config: string; readonly signingKey?: string }) =>
        run(common, async (context) => {
          const { pushCommand } = await import('./commands/push.ts');
          return await pushCommand(context, { config, signingKey });
        }),
    );
}
