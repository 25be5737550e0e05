#!/usr/bin/env node
// First: what loads makes the heap grow.
import './lean-heap.ts';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { openStore } from '#adapters/open-store.ts';
import { loadProfile } from '#adapters/profile-file.ts';
import { BadInput, LockstepError, OrderRefused } from '#core/errors.ts';
import { serverIdSchema } from '#core/server.ts';
import { keyId } from '#core/signed.ts';
import { findRoot, runAgent } from './agent.ts';
import { type AgentFile, readAgentFile } from './agent-file.ts';
import { assertApart } from './assert-apart.ts';
import { followBandwidth, parseRate, readBandwidth, writeBandwidth } from './bandwidth.ts';
import { examine } from './doctor.ts';
import { enrolAgent, openAgentSigner } from './enrol.ts';
import { hookEnvironment } from './hook-settings.ts';
import { PACE } from './pace.ts';
import { assertReadable } from './recover.ts';
import { recoverRoot } from './recover-root.ts';
import { scan } from './scan.ts';
import { showScan, summariseScan } from './scan-report.ts';
import { showRecovery } from './show-recovery.ts';
import { StatIndex } from './stat-index.ts';
import { AGENT_VERSION } from './version.ts';
import { WorkerPool } from './worker-pool.ts';

void main(process.argv);

/** Never rejects: what goes wrong becomes a line and an exit status. */
async function main(argv: readonly string[]): Promise<void> {
  const outcome = { status: 0 };
  try {
    await describeProgram(outcome).parseAsync(argv);
    process.exitCode = outcome.status;
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : statusOf(error);
    if (!(error instanceof CommanderError))
      process.stderr.write(`lockstep-agent: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function statusOf(error: unknown): number {
  if (error instanceof BadInput) return 2;
  if (error instanceof OrderRefused) return 3;
  if (!(error instanceof LockstepError)) process.stderr.write('lockstep-agent: this is unexpected; please report it\n');
  return 1;
}

function describeProgram(outcome: { status: number }): Command {
  const program = new Command('lockstep-agent')
    .description('Serves one folder of this machine as a server of a Lockstep fleet.')
    .version(AGENT_VERSION)
    .exitOverride()
    .showHelpAfterError('(lockstep-agent --help shows what there is)')
    .addHelpText(
      'after',
      examples('lockstep-agent enroll --help', 'lockstep-agent scan --root /srv/thinmanager --profile thinmanager'),
    );
  // Subcommands inherit the settings above.
  describeRun(program);
  describeScan(program);
  describeEnroll(program);
  describeDoctor(program, outcome);
  describeRecover(program, outcome);
  describeBandwidth(program);
  return program;
}

function describeRun(program: Command): void {
  program
    .command('run')
    .description('Obeys orders until it is stopped. Writes one JSON line per event to stderr.')
    .addOption(stateOption())
    .addOption(
      new Option('--poll <seconds>', 'seconds between two looks for an order')
        .default(PACE.pollSeconds)
        .argParser(positiveNumber),
    )
    .addOption(
      new Option('--status <seconds>', 'seconds between two signs of life while idle; in S3 each is paid for')
        .default(PACE.statusSeconds)
        .argParser(positiveNumber),
    )
    .option('--full', 'read every file at every scan, also where nothing shows that it has changed')
    .option('--bandwidth <rate>', 'as lockstep-agent bandwidth <rate>, which changes it while the agent runs')
    .addHelpText(
      'after',
      examples(
        'lockstep-agent run',
        'lockstep-agent run --state /var/lib/lockstep-agent --poll 2',
        'lockstep-agent run --poll 30 --status 120',
        'lockstep-agent run --bandwidth 2MB/s',
      ),
    )
    .action(async ({ bandwidth, full, poll, state, status }: RunOptions) => {
      if (bandwidth !== undefined) {
        parseRate(bandwidth, '--bandwidth');
        await assertEnrolled(resolve(state));
        await writeBandwidth(resolve(state), bandwidth);
      }
      await run(resolve(state), { pollMilliseconds: poll * 1000, statusMilliseconds: status * 1000 }, full === true);
    });
}

interface RunOptions {
  readonly bandwidth?: string;
  readonly full?: boolean;
  readonly poll: number;
  readonly status: number;
  readonly state: string;
}

function describeBandwidth(program: Command): void {
  program
    .command('bandwidth')
    .description('Limits what the agent sends and fetches together, at once and from now on; without a rate, shows it.')
    .argument('[rate]', '2MB/s, 500kB/s, 10Mbit/s, or unlimited')
    .addOption(stateOption())
    .addHelpText(
      'after',
      examples(
        'lockstep-agent bandwidth 500kB/s',
        'lockstep-agent bandwidth unlimited --state /var/lib/lockstep-agent',
        'lockstep-agent bandwidth',
      ),
    )
    .action(async (rate: string | undefined, { state }: { state: string }) => {
      const stateFolder = resolve(state);
      await assertEnrolled(stateFolder);
      if (rate !== undefined) await writeBandwidth(stateFolder, rate);
      process.stdout.write(`bandwidth: ${await readBandwidth(stateFolder)}\n`);
    });
}

function describeScan(program: Command): void {
  program
    .command('scan')
    .description('Shows how a profile sorts the files of a folder. Changes nothing and sends nothing.')
    .requiredOption('--root <folder>', 'the folder')
    .option('--profile <name>', 'a name in profiles/, or the path of a profile file', 'generic')
    .option('--state <folder>', 'remember here what was hashed; the next time only what has changed is read')
    .option('--full', 'read every file, whatever is remembered')
    .option('--json', 'one JSON document, with every file that is left out')
    .addHelpText(
      'after',
      examples(
        'lockstep-agent scan --root /srv/thinmanager --profile ./site-profile.yaml',
        'lockstep-agent scan --root . --json',
      ),
    )
    .action(async (options: ScanOptions) => {
      const [root, profile] = [await findRoot(options.root), await loadProfile(options.profile)];
      const workers = new WorkerPool();
      const manifest = await scan({ root, profile, workers, statIndex: await openIndex(root, options) });
      await workers.close();
      const report = summariseScan(manifest);
      const json = { root, name: profile.name, version: profile.version, ...manifest.summary, ...report };
      process.stdout.write(options.json === true ? `${JSON.stringify(json)}\n` : showScan(report));
    });
}

interface ScanOptions {
  readonly root: string;
  readonly profile: string;
  readonly state?: string;
  readonly full?: boolean;
  readonly json?: boolean;
}

async function openIndex(root: string, { full, state }: ScanOptions): Promise<StatIndex | undefined> {
  if (state === undefined) return undefined;
  const stateFolder = resolve(state);
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const fullRehashMilliseconds = full === true ? 0 : undefined;
  return new StatIndex({ stateFolder, root, now: () => new Date(), log: writeLog, fullRehashMilliseconds });
}

function describeEnroll(program: Command): void {
  program
    .command('enroll')
    .description("Makes this server's key, registers it in the store, and pins the control plane's key.")
    .addOption(
      new Option('--store <url>', 'file:///FOLDER or s3://BUCKET/PREFIX').env('LOCKSTEP_STORE').makeOptionMandatory(),
    )
    .requiredOption('--server <site/name>', 'the id of this server in the fleet file')
    .requiredOption('--root <folder>', 'the folder that is kept in lockstep')
    .option('--profile <name>', 'a name in profiles/, or the path of a profile file', 'generic')
    .addOption(stateOption())
    .option(
      '--control-key <fingerprint>',
      'refuse any other control key; lockstep up and lockstep push show its fingerprint',
    )
    .addHelpText(
      'after',
      examples(
        'lockstep-agent enroll --store s3://fleet/lockstep --server graz/tm1 --root "/srv/thinmanager" --profile thinmanager',
      ),
    )
    .action(enroll);
}

function describeDoctor(program: Command, outcome: { status: number }): void {
  program
    .command('doctor')
    .description('Checks all that the agent needs and says what to do. Changes nothing.')
    .addOption(stateOption())
    .addHelpText('after', examples('lockstep-agent doctor --state /var/lib/lockstep-agent'))
    .action(async ({ state }: { state: string }) => {
      for await (const { check, detail, isGood } of examine(resolve(state), surroundings())) {
        process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${check}: ${detail}\n`);
        if (!isGood) outcome.status = 1;
      }
    });
}

function describeRecover(program: Command, outcome: { status: number }): void {
  program
    .command('recover')
    .description(
      'Settles an apply that was cut off, as every start of the agent does: old files or new. Needs no store.',
    )
    .requiredOption('--root <folder>', 'the folder that is kept in lockstep')
    .addOption(stateOption())
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      examples(
        'lockstep-agent recover --root /srv/thinmanager',
        'lockstep-agent recover --root /srv/thinmanager --state /var/lib/lockstep-agent --json',
      ),
    )
    .action(async ({ json, root, state }: RecoverOptions) => {
      const applies = await recoverRoot({ root, stateFolder: resolve(state), ...surroundings() });
      process.stdout.write(json === true ? `${JSON.stringify({ root, applies })}\n` : showRecovery(applies));
      if (applies.some(({ tree }) => tree === 'unsettled')) outcome.status = 1;
    });
}

interface RecoverOptions {
  readonly root: string;
  readonly state: string;
  readonly json?: boolean;
}

interface EnrollOptions {
  readonly store: string;
  readonly server: string;
  readonly root: string;
  readonly profile: string;
  readonly state: string;
  readonly controlKey?: string;
}

async function enroll(options: EnrollOptions): Promise<void> {
  const server = serverIdSchema.safeParse(options.server);
  if (!server.success)
    throw new BadInput(`--server ${options.server}: ${server.error.issues[0]?.message ?? 'expected site/name'}`);
  const [root, stateFolder] = [await findRoot(options.root), resolve(options.state)];
  await loadProfile(options.profile);
  const profile =
    options.profile.includes('/') || options.profile.includes('\\') ? resolve(options.profile) : options.profile;
  assertApart(root, stateFolder, options.store);
  const { controlKey, signer } = await enrolAgent({
    store: await openStore(options.store),
    server: server.data,
    root,
    profile,
    stateFolder,
    now: () => new Date(),
    ...(options.controlKey === undefined ? {} : { expectedControlKey: options.controlKey }),
  });
  process.stdout.write(
    `${server.data} is enrolled.\nkey of this server: sha256:${signer.keyId}\ncontrol key:        sha256:${keyId(controlKey)}\n`,
  );
  process.stdout.write(`Start it with: lockstep-agent run --state ${stateFolder}\n`);
}

interface Pace {
  readonly pollMilliseconds: number;
  readonly statusMilliseconds: number;
}

async function run(stateFolder: string, pace: Pace, isFull: boolean): Promise<void> {
  const file = await assertEnrolled(stateFolder);
  // Before all else, and the store above all: that may be out of reach for long.
  assertReadable(await recoverRoot({ root: file.root, stateFolder, ...surroundings() }));
  await readBandwidth(stateFolder);
  assertApart(await findRoot(file.root), stateFolder, file.store);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  const workers = new WorkerPool();
  const parts = {
    store: await openStore(file.store),
    profile: await loadProfile(file.profile),
    signer: await openAgentSigner(stateFolder),
    fullRehashMilliseconds: isFull ? 0 : undefined,
    bytesPerSecond: followBandwidth(stateFolder, writeLog),
    ...surroundings(),
  };
  try {
    await runAgent({ ...file, ...parts, stateFolder, now: () => new Date(), ...pace, workers }, stopping.signal);
  } finally {
    await workers.close();
  }
}

async function assertEnrolled(stateFolder: string): Promise<AgentFile> {
  const file = await readAgentFile(stateFolder);
  if (file !== undefined) return file;
  throw new BadInput(`there is no agent.json in ${stateFolder}: enrol this server first, with lockstep-agent enroll`);
}

function writeLog(event: string, fields: Record<string, unknown>): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`);
}

/** What only the program knows. */
function surroundings() {
  return { hookEnvironment: hookEnvironment(process.env), log: writeLog };
}

function stateOption(): Option {
  const base = process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state');
  return new Option('--state <folder>', "the agent's own folder, for its key and memory").default(
    join(base, 'lockstep-agent'),
  );
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 3600))
    throw new InvalidArgumentError('expected a number of seconds above 0, at most 3600.');
  return value;
}

function examples(...commands: readonly string[]): string {
  return `\nExamples:\n${commands.map((command) => `  ${command}`).join('\n')}`;
}
