import { availableParallelism, cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { CASES, type Case } from './cases.ts';
import type { Scale } from './fleet/trees.ts';
import { findPeers, type InstalledPeers } from './peers.ts';
import { type CaseResult, runCase } from './run-case.ts';
import { bytes, showResults } from './show.ts';
import { Workspace } from './workspace.ts';
import { writeDocs } from './write-docs.ts';

interface BenchOptions {
  readonly case: readonly Case[];
  readonly scale: Scale;
  readonly runs: number;
  readonly json?: boolean;
  readonly keep?: boolean;
  readonly writeDocs?: boolean;
}

const PERFORMANCE = join(resolve(import.meta.dirname, '..'), 'docs/performance.md');

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
// npm ends its shell at SIGTERM and does not pass the signal on: who has lost its parent was meant, too.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && stopping.abort(), 500).unref();

try {
  await describeProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (stopping.signal.aborted) process.exitCode = 130;
  else {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

function describeProgram(): Command {
  return new Command('bench')
    .description('Measures Lockstep beside what else is installed for the same work.')
    .option('--case <name>', `one of ${CASES.map(({ name }) => name).join(', ')}; may be repeated`, collectCases, [])
    .addOption(new Option('--scale <scale>', 'size of the trees').choices(['small', 'full']).default('full'))
    .option('--runs <number>', 'runs of everything; the medians count', parseRuns, 5)
    .option('--json', 'print one JSON document on stdout in place of the tables')
    .option('--keep', 'leave the temporary folder, and say where it is')
    .option('--write-docs', 'put the tables into docs/performance.md')
    .exitOverride()
    .showHelpAfterError('(--help shows how it is used)')
    .action((options: BenchOptions, command: Command) => bench(options, command));
}

async function bench(options: BenchOptions, command: Command): Promise<void> {
  if (options.writeDocs === true && options.case.length > 0) {
    command.error('error: --write-docs is for all cases: leave out --case');
  }
  const peers = await findPeers(stopping.signal);
  for (const program of peers.missing) say(`${program} is not installed: its columns stay empty`);
  const workspace = new Workspace(options.scale, stopping.signal);
  const results: CaseResult[] = [];
  try {
    for (const wanted of options.case.length > 0 ? options.case : CASES) {
      try {
        results.push(await runCase(wanted, { workspace, runs: options.runs, isInstalled: peers.isInstalled, say }));
      } catch (error) {
        stopping.signal.throwIfAborted();
        say(`${wanted.name} failed: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      }
    }
  } finally {
    if (options.keep === true) say(`everything is left in ${workspace.folder}`);
    else workspace.dropAll();
  }
  const about = aboutRun(options, peers);
  if (options.writeDocs === true && process.exitCode === undefined)
    await writeDocs(PERFORMANCE, `${describeRun(about)}\n${showResults(results)}`);
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ ...about, cases: results }, undefined, 2)}\n`
      : `${describeRun(about)}\n${showResults(results)}`,
  );
}

function aboutRun({ runs, scale }: BenchOptions, { missing, versions }: InstalledPeers) {
  const processor = `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`;
  const machine = { processor, memory: totalmem(), platform: process.platform, node: process.version };
  return { at: new Date().toISOString(), scale, runs, machine, versions, missing };
}

function describeRun({ at, machine, missing, runs, scale, versions }: ReturnType<typeof aboutRun>): string {
  const lines = [
    `${at.slice(0, 10)}, scale ${scale}, medians of ${runs}; ${machine.processor}, ${bytes(machine.memory)} of memory,`,
    `${machine.platform}, Node ${machine.node.slice(1)}; ${Object.values(versions).join('; ')}.`,
    ...(missing.length > 0 ? [`Not installed: ${missing.join(', ')}.`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function collectCases(name: string, earlier: readonly Case[]): Case[] {
  const found = CASES.find((one) => one.name === name);
  if (found === undefined) throw new InvalidArgumentError(`there is ${CASES.map((one) => one.name).join(', ')}`);
  return [...earlier, found];
}

function parseRuns(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new InvalidArgumentError('expected a whole number from 1');
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}
