import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import PostalMime, { type Email } from 'postal-mime';
import { compareTrees } from './compare-trees.ts';
import { Processes } from './processes.ts';
import { type Release, writeServer } from './servers.ts';

const NEXT: Release = { name: 'release-2', firmware: 3, modules: 25, displays: 60 };
const BASE: Release = { name: 'release-1', firmware: 2, modules: 25, displays: 58 };

const SERVERS = { 'plant-a/tm1': NEXT, 'plant-a/tm2': BASE, 'plant-b/tm1': BASE } as const;
const [SOURCE, ...DESTINATIONS] = Object.keys(SERVERS);

const FLEET = `fleet: demo
sites:
  plant-a:
    servers: [tm1, tm2]
  plant-b:
    servers: [tm1]
approval:
  mail: [approvers@example.org]
`;

const processes = new Processes();
const folder = mkdtempSync(join(tmpdir(), 'lockstep-demo-'));
const storeUrl = pathToFileURL(join(folder, 'store')).href;
const environment = { LOCKSTEP_STORE: storeUrl, LOCKSTEP_USER: 'engineer' };

let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
// npm ends its shell at SIGTERM and does not pass the signal on: who has lost its parent was meant, too.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && interrupt(), 500).unref();

try {
  process.exitCode = await demonstrate();
} catch (error) {
  if (!interrupted) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
} finally {
  if (!interrupted) await cleanUp();
}

async function demonstrate(): Promise<number> {
  title('Three servers at two sites; plant-a/tm1 has the next release');
  for (const [server, release] of Object.entries(SERVERS))
    writeServer(rootOf(server), release, server.replace('/', '-'));
  await startFleet();

  title('Synchronize Configurations, with an approval by another person');
  const syncing = processes.run('lockstep', ['sync', SOURCE ?? '', ...DESTINATIONS], environment);
  await approve(await nextMail('approve'));
  const first = await syncing;

  title('What is there now');
  for (const destination of DESTINATIONS) {
    console.log(`${destination}: ${compareTrees(rootOf(SOURCE ?? ''), rootOf(destination))}`);
  }

  title('The same again: nothing is left to do');
  const second = await processes.run('lockstep', ['sync', SOURCE ?? '', ...DESTINATIONS], environment);
  return first === 0 && second === 0 ? 0 : 1;
}

/** A controller, and an agent for each server: separate processes that meet in the store only. */
async function startFleet(): Promise<void> {
  const config = join(folder, 'fleet.yaml');
  await writeFile(config, FLEET);
  start('lockstep', ['up', '--console', '0', '--config', config], 'controller');
  await until(async () =>
    (await readdir(join(folder, 'store', 'fleet')).catch((): string[] => [])).includes('control-key.json'),
  );
  for (const server of Object.keys(SERVERS)) {
    const state = join(folder, 'agents', server);
    const place = ['--root', rootOf(server), '--state', state, '--store', storeUrl];
    const enroll = ['enroll', '--server', server, '--profile', 'thinmanager', ...place];
    const code = await processes.run('lockstep-agent', enroll, environment);
    if (code !== 0) throw new Error(`the agent of ${server} could not be enrolled`);
    start('lockstep-agent', ['run', '--state', state, '--poll', '0.2'], server);
  }
}

function start(program: 'lockstep' | 'lockstep-agent', args: readonly string[], label: string): void {
  processes.background(program, args, {
    environment,
    onOutput: (text) => process.stdout.write(text.replace(/^(?=.)/gm, `  ${label} | `)),
    onFailure: (problem) => {
      console.error(problem);
      process.kill(process.pid, 'SIGTERM');
    },
  });
}

async function approve(mail: Email): Promise<void> {
  console.log(`\n${(mail.text ?? '').replace(/^/gm, '  mail | ')}\n`);
  const found = /lockstep approve (\S+) --plan (\S+)/.exec(mail.text ?? '');
  if (found === null) throw new Error('the mail does not say how to approve');
  const [, sync = '', code = ''] = found;
  await processes.run('lockstep', ['approve', sync, '--plan', code, '--yes'], {
    ...environment,
    LOCKSTEP_USER: 'approver',
  });
}

async function nextMail(subject: string): Promise<Email> {
  const outbox = join(folder, 'store.control', 'outbox');
  for (;;) {
    for (const name of await readdir(outbox).catch((): string[] => [])) {
      if (!name.endsWith('.eml')) continue;
      const mail = await PostalMime.parse(await readFile(join(outbox, name)));
      if (mail.subject?.includes(subject) === true) return mail;
    }
    await sleep(100);
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(100);
}

function rootOf(server: string): string {
  return join(folder, 'servers', server);
}

function interrupt(): void {
  if (interrupted) return;
  interrupted = true;
  void cleanUp().finally(() => process.exit(130));
}

function title(text: string): void {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 90 - text.length))}\n`);
}

async function cleanUp(): Promise<void> {
  await processes.stop();
  rmSync(folder, { recursive: true, force: true });
}
