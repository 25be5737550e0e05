/**
 * Meets every call that an apply makes to the file system with every fault, and says what the server's tree, its
 * protected files and the answer were after a restart. Ends with 1 when any of it was not as promised.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ProgressBar } from '#test/support/progress-bar.ts';
import { parseCount, readOptions } from '#test/support/read-options.ts';
import { bundleFaultyAgent } from './bundle-faulty-agent.ts';
import { ForkedAgent } from './forked-agent.ts';
import { Lane } from './lane.ts';
import { SCENARIOS, type Scenario, setStage } from './scenarios.ts';
import { Tally } from './tally.ts';
import { placesOf, tryAll } from './try-all.ts';
import { World } from './world.ts';

const options = readOptions<{ every: number; scenario: readonly Scenario[]; keep: boolean }>(
  new Command('faults')
    .description(
      'Meets every file-system call of an apply with kills and errors, and says what the tree was afterwards.',
    )
    .option('--every <number>', 'only every so many calls', parseCount, 1)
    .option('--scenario <name>', `one of ${SCENARIOS.map(({ name }) => name).join(', ')}; may be repeated`, collect, [])
    .option('--keep', 'leave the temporary folder, and say where it is', false)
    .addHelpText('after', '\nExamples:\n  npm run faults -- --scenario mirror\n  npm run faults -- --every 50\n'),
);

const MOST_LANES = 2;
const MOST_SHOWN = 50;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());

process.exitCode = await main();

async function main(): Promise<number> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-faults-')));
  const tally = new Tally();
  try {
    await using stack = new AsyncDisposableStack();
    const program = await bundleFaultyAgent(folder);
    const lanes = Array.from({ length: Math.min(MOST_LANES, availableParallelism()) }, (_, index) => {
      const world = new World(join(folder, `lane-${index}`));
      return new Lane(world, stack.use(new ForkedAgent(program, world.folder)));
    });
    for (const scenario of wanted()) {
      if (!stopping.signal.aborted) await play(scenario, { folder: join(folder, slug(scenario)), lanes, tally });
    }
  } finally {
    if (options.keep) process.stderr.write(`everything is left in ${folder}\n`);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  return report(tally);
}

interface Play {
  readonly folder: string;
  readonly lanes: readonly Lane[];
  readonly tally: Tally;
}

async function play(scenario: Scenario, { folder, lanes, tally }: Play): Promise<void> {
  const [first] = lanes;
  if (first === undefined) return;
  const stage = await setStage(scenario, folder, first);
  const every = options.every * (scenario.everyTimes ?? 1);
  const places = placesOf(stage.calls, every, SCENARIOS.indexOf(scenario));
  say(`${scenario.name}: ${stage.calls.length} calls, ${places.length} faults`);
  const bar = new ProgressBar();
  let done = 0;
  await tryAll({
    ...{ lanes, places, stage },
    signal: stopping.signal,
    onTrial: (trial) => {
      tally.add(scenario.name, trial);
      if (trial.wrongs.length > 0) bar.say(tally.wrongs.at(-1) ?? '');
      bar.show(
        ++done,
        places.length,
        `${scenario.name}, ${tally.summary.between} between, ${tally.summary.wrong} wrong`,
      );
    },
  });
  bar.end();
}

function wanted(): readonly Scenario[] {
  return options.scenario.length === 0 ? SCENARIOS : SCENARIOS.filter((one) => options.scenario.includes(one));
}

function collect(name: string, earlier: readonly Scenario[]): readonly Scenario[] {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found === undefined) throw new InvalidArgumentError(`there is ${SCENARIOS.map((one) => one.name).join(', ')}`);
  return [...earlier, found];
}

function report(tally: Tally): number {
  const { between, faults, wrong } = tally.summary;
  process.stdout.write(tally.show());
  process.stdout.write(tally.describeMissed());
  for (const line of tally.wrongs.slice(0, MOST_SHOWN)) process.stdout.write(`${line}\n`);
  process.stdout.write(`${faults} faults, ${between} between, ${wrong} wrong\n`);
  if (stopping.signal.aborted) return 130;
  return wrong > 0 || faults === 0 ? 1 : 0;
}

function slug(scenario: Scenario): string {
  return scenario.name.replaceAll(' ', '-');
}

function say(line: string): void {
  process.stderr.write(`faults: ${line}\n`);
}
