import { availableParallelism, cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { CASES, type Case } from './cases.ts';
import type { Scale } from './fleet/trees.ts';
import { findPeers, type InstalledPeers } from './peers.ts';
import { Progress } from './progress.ts';
import { readResults, writeResults } from './results-file.ts';
import { type CaseResult, effortOf, runCase } from './run-case.ts';
import { bytes, showResults } from './show.ts';
import { Workspace } from './workspace.ts';
import { writeDocs } from './write-docs.ts';

interface BenchOptions {
  readonly case: readonly Case[];
  readonly scale: Scale;
  readonly runs: number;
  readonly json?: boolean;
  readonly resume?: string;
  readonly keep?: boolean;
  readonly writeDocs?: boolean;
}

const PERFORMANCE = join(resolve(import.meta.dirname, '..'), 'docs/performance.md');

const GROUPS: ReadonlyMap<string, string> = new Map([
  ['agents', 'agents-'],
  ['workloads', 'workload-'],
]);
const CASE_NAMES = [...CASES.map(({ name }) => name), ...GROUPS.keys()].join(', ');

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
    .option('--case <name>', `one of ${CASE_NAMES}; may be repeated`, collectCases, [])
    .addOption(new Option('--scale <scale>', 'size of the trees').choices(['small', 'full']).default('full'))
    .option('--runs <number>', 'runs of everything; the medians count', parseRuns, 5)
    .option('--resume <file>', 'keep the results here after every case, and leave out the cases that are there')
    .option('--json', 'print one JSON document on stdout in place of the tables')
    .option('--keep', 'leave the temporary folder, and say where it is')
    .option('--write-docs', 'put the tables into docs/performance.md')
    .addHelpText('after', '\nExample:\n  npm run bench -- --case delta --scale small --runs 3\n')
    .exitOverride()
    .showHelpAfterError('(--help shows how it is used)')
    .action((options: BenchOptions) => bench(options));
}

async function bench(options: BenchOptions): Promise<void> {
  const peers = await findPeers(stopping.signal);
  for (const program of peers.missing) say(`${program} is not installed: its columns stay empty`);
  const wanted = wantedCases(options);
  const earlier = options.resume === undefined ? [] : readResults(options.resume, options);
  const results = new Map(earlier.map((result) => [result.name, result]));
  const document = () => ({ ...aboutRun(options, peers, wanted.skipped), cases: [...results.values()] });
  await measure({ options, peers, results, cases: wanted.cases.filter(({ name }) => !results.has(name)) }, () => {
    if (options.resume !== undefined) writeResults(options.resume, document());
  });
  const finished = document();
  const tables = `${describeRun(finished)}\n${showResults(finished.cases)}`;
  if (options.writeDocs === true && process.exitCode === undefined) await writeDocs(PERFORMANCE, tables);
  process.stdout.write(options.json === true ? `${JSON.stringify(finished, undefined, 2)}\n` : tables);
}

interface Measuring {
  readonly options: BenchOptions;
  readonly peers: InstalledPeers;
  readonly cases: readonly Case[];
  readonly results: Map<string, CaseResult>;
}

/** What an interruption leaves is what is finished. */
async function measure({ cases, options, peers, results }: Measuring, onFinished: () => void): Promise<void> {
  const { keep, runs, scale } = options;
  const workspace = new Workspace(scale, stopping.signal);
  const progress = new Progress(cases.map((one) => effortOf(one, runs)));
  try {
    for (const [index, one] of cases.entries()) {
      workspace.keepFleets(new Set(cases.slice(index).flatMap(({ trees }) => trees)));
      const place = `${index + 1} of ${cases.length}`;
      const tell = (line: string) => say(`[${place}; ${progress.describe()}] ${line}`);
      const advance = (effort: number) => progress.advance(effort);
      try {
        const means = { workspace, runs, isInstalled: peers.isInstalled, say: tell, advance };
        results.set(one.name, await runCase(one, means));
        onFinished();
      } catch (error) {
        if (stopping.signal.aborted) break;
        tell(`${one.name} failed: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      }
    }
  } finally {
    if (keep === true) say(`everything is left in ${workspace.folder}`);
    else workspace.dropAll();
  }
  if (stopping.signal.aborted) {
    say(`interrupted: ${results.size} cases are finished`);
    process.exitCode = 130;
  }
}

/** All but those that cannot be measured, and why not. */
function wantedCases({ case: named, scale }: BenchOptions): { cases: Case[]; skipped: Record<string, string> } {
  const skipped: Record<string, string> = {};
  const cases = [...new Set(named.length > 0 ? named : CASES)].filter(({ name, whyNot }) => {
    const reason = whyNot?.(scale);
    if (reason !== undefined) skipped[name] = reason;
    return reason === undefined;
  });
  for (const [name, reason] of Object.entries(skipped)) say(`${name} is left out: ${reason}`);
  return { cases, skipped };
}

function aboutRun(
  { runs, scale }: BenchOptions,
  { missing, versions }: InstalledPeers,
  skipped: Readonly<Record<string, string>>,
) {
  const processor = `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`;
  const machine = { processor, memory: totalmem(), platform: process.platform, node: process.version };
  return { at: new Date().toISOString(), scale, runs, machine, versions, missing, skipped };
}

type Finished = ReturnType<typeof aboutRun> & { readonly cases: readonly CaseResult[] };

function describeRun({ at, cases, machine, missing, runs, scale, skipped, versions }: Finished): string {
  const measured = new Set(cases.map(({ name }) => name));
  const others = CASES.map(({ name }) => name).filter((name) => !measured.has(name) && skipped[name] === undefined);
  const lines = [
    `${at.slice(0, 10)}, scale ${scale}, medians of ${runs}; ${machine.processor}, ${bytes(machine.memory)} of memory,`,
    `${machine.platform}, Node ${machine.node.slice(1)}; ${Object.values(versions).join('; ')}.`,
    ...(missing.length > 0 ? [`Not installed: ${missing.join(', ')}.`] : []),
    ...Object.entries(skipped).map(([name, reason]) => `Left out: ${name}, for ${reason}.`),
    ...(others.length > 0 ? [`**Not measured in this run**: ${others.join(', ')}.`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** A group is named for what its cases' names begin with. */
function collectCases(name: string, earlier: readonly Case[]): Case[] {
  const found = CASES.filter(
    (one) => one.name === name || (GROUPS.has(name) && one.name.startsWith(GROUPS.get(name) ?? '')),
  );
  if (found.length === 0) throw new InvalidArgumentError(`there is ${CASE_NAMES}`);
  return [...earlier, ...found];
}

function parseRuns(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new InvalidArgumentError('expected a whole number from 1');
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}
