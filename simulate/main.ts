import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { writeDocs } from '#bench/write-docs.ts';
import { loadDefinition } from '#embedded/definition.ts';
import { measureConsole, showConsole } from './measure-console.ts';
import { type MeasuredPlan, measurePlan } from './measure-plan.ts';
import { ProgressLine } from './progress-line.ts';
import { SIZES, showLimits, showPlans, showSyncs } from './show.ts';
import { type SimulatedSync, simulateSync } from './simulated-fleet.ts';

interface SimulateOptions {
  readonly servers: readonly number[];
  readonly waveSize?: number;
  readonly files: number;
  readonly plan?: number;
  readonly limits?: boolean;
  readonly console?: number;
  readonly json?: boolean;
  readonly writeDocs?: boolean;
}

const SCALE = join(resolve(import.meta.dirname, '..'), 'docs/scale.md');
const LIMITS = marksOf('the table of limits');
const PLAN = marksOf('the plan');
const CONSOLE = marksOf('the console');
const RUNS = marksOf('the counts of the runs');
/** One, and a batch of those that have a million artifacts. */
const PLANNED_DESTINATIONS = [1, 20] as const;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopping.abort();
    // A run that was cut off has no counts.
    process.exit(130);
  });
}

try {
  await describeProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`simulate: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

function describeProgram(): Command {
  return new Command('simulate')
    .description('Syncs fleets of light agents on the embedded engine, and counts what AWS would count.')
    .option('--servers <number>', `destinations; may be repeated, and is ${SIZES.join(', ')} otherwise`, collect, [])
    .option('--wave-size <number>', 'destinations that are written at the same time; a tenth of them otherwise', parse)
    .option('--files <number>', 'files of each server, a tenth of which are other ones at the source', parse, 20)
    .option('--plan <artifacts>', 'measure calls of the plan function with as large manifests, too', parse)
    .option('--limits', 'only the table of limits, which takes no run')
    .option('--console <servers>', 'only the console of as many servers, with fifty browsers, on a folder', parse)
    .option('--json', 'print one JSON document on stdout in place of the tables')
    .option('--write-docs', 'put the tables into docs/scale.md')
    .addHelpText('after', '\nExample:\n  npm run simulate -- --servers 1000 --wave-size 100\n')
    .exitOverride()
    .showHelpAfterError('(--help shows how it is used)')
    .action(simulate);
}

async function simulate(options: SimulateOptions): Promise<void> {
  const limits = showLimits(loadDefinition());
  if (options.writeDocs === true) await writeDocs(SCALE, limits, LIMITS);
  if (options.limits === true) process.stdout.write(limits);
  else if (options.console !== undefined) await measureTheConsole(options.console, options);
  else await count(options);
}

/** The smallest first: the peak of memory is the process's own, from its start. */
async function count(options: SimulateOptions): Promise<void> {
  const sizes = options.servers.length > 0 ? options.servers : SIZES;
  const syncs: SimulatedSync[] = [];
  for (const servers of [...sizes].sort((a, b) => a - b)) syncs.push(await simulateOne(servers, options));
  const plans: MeasuredPlan[] = [];
  for (const destinations of options.plan === undefined ? [] : PLANNED_DESTINATIONS) {
    process.stderr.write(`simulate: planning ${destinations} destination(s) of ${options.plan} artifacts\n`);
    plans.push(await measurePlan({ artifacts: options.plan ?? 0, destinations }, stopping.signal));
  }
  const at = new Date().toISOString();
  const counted = `${describeRun(at)}\n\n${showSyncs(syncs)}`;
  if (options.writeDocs === true) {
    await writeDocs(SCALE, counted, RUNS);
    if (plans.length > 0) await writeDocs(SCALE, `${describeRun(at)}\n\n${showPlans(plans)}`, PLAN);
  }
  const json = `${JSON.stringify({ at, syncs, plans }, undefined, 2)}\n`;
  process.stdout.write(options.json === true ? json : `${counted}\n${showPlans(plans)}`);
}

async function measureTheConsole(servers: number, { json, writeDocs: mayWrite }: SimulateOptions): Promise<void> {
  const measured = await measureConsole(servers, stopping.signal);
  const shown = `${describeRun(new Date().toISOString())}\n\n${showConsole(measured)}`;
  if (mayWrite === true) await writeDocs(SCALE, shown, CONSOLE);
  process.stdout.write(json === true ? `${JSON.stringify(measured, undefined, 2)}\n` : shown);
}

async function simulateOne(servers: number, { files, waveSize }: SimulateOptions): Promise<SimulatedSync> {
  const line = new ProgressLine(process.stderr, `${servers.toLocaleString('en')} servers`);
  const onAnswer = (answered: number, asked: number) => line.show(answered, asked);
  const fleet = { servers, files, waveSize: waveSize ?? Math.max(10, Math.ceil(servers / 10)), onAnswer };
  try {
    return await simulateSync(fleet);
  } finally {
    line.end();
  }
}

function describeRun(at: string): string {
  const processor = `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`;
  return `${at.slice(0, 10)}; ${processor}, Node ${process.version.slice(1)}.`;
}

function marksOf(what: string) {
  return {
    begin: `<!-- Written by npm run simulate -- --write-docs: ${what}. -->`,
    end: `<!-- End of ${what}. -->`,
  };
}

function collect(text: string, earlier: readonly number[]): number[] {
  return [...earlier, parse(text)];
}

function parse(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new InvalidArgumentError('expected a whole number from 1');
}
