import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { PACE } from '#agents/pace.ts';
import { LAMBDA_FUNCTIONS } from '#build/lambda-bundle.ts';
import { ALARMS } from '#cdk/alarms.ts';
import { parseSettings } from '#cdk/settings.ts';
import { BadInput } from '#core/errors.ts';
import { METRICS } from '#core/metrics.ts';
import { MOST_WAVES } from '#core/sync.ts';
import { syncVerdictSchema } from '#core/verdict.ts';
import { loadDefinition } from '#embedded/definition.ts';
import { costOf, type Fleet, type Stack } from './model.ts';
import { type Prices, priceListSchema } from './prices.ts';
import { showBill } from './show.ts';

const PRICES = new URL('prices.json', import.meta.url);

interface Options extends Omit<Fleet, 'changedMegabytes' | 'destinationsPerSync' | 'serverMegabytes'> {
  readonly changedMb: number;
  readonly serverMb: number;
  readonly destinationsPerSync?: number;
  readonly region: string;
  readonly prices?: string;
  readonly json?: boolean;
}

/** The options of `npm run cost`, and what it does. Throws CommanderError, and BadInput. */
export function createProgram(out: (text: string) => void): Command {
  return new Command('cost')
    .description(
      'What a fleet costs on AWS in a month, beside AWS CodeDeploy and AWS Systems Manager for the same servers.',
    )
    .requiredOption('--servers <number>', 'servers of the fleet', whole(2, 100_000))
    .requiredOption('--syncs-per-month <number>', 'syncs in a month', whole(0, 1_000_000))
    .option(
      '--destinations-per-sync <number>',
      'destinations of a sync; all other servers unless told',
      whole(1, 20_000),
    )
    .option('--changed-mb <number>', 'megabytes that a sync brings to each destination', amount(0, 1_000_000), 50)
    .option('--server-mb <number>', 'megabytes that a server holds', amount(0, 10_000_000), 750)
    .option('--files <number>', 'files that a server holds', whole(1, 10_000_000), 2300)
    .option('--wave-size <number>', 'destinations that are written at the same time', whole(1, 10_000), 10)
    .option('--apply-seconds <number>', 'what one apply takes', whole(0, 604_800), 60)
    .option('--approvers <number>', 'who gets the mails of a sync', whole(0, 50), 2)
    .option('--poll-seconds <number>', 'as lockstep-agent run --poll', amount(0.1, 3600), PACE.pollSeconds)
    .option('--status-seconds <number>', 'as lockstep-agent run --status', amount(0.1, 3600), PACE.statusSeconds)
    .option(
      '--watching-hours <number>',
      'hours that browsers follow syncs in the console, all added up; 0: there is none',
      amount(0, 1_000_000),
      0,
    )
    .option('--region <name>', 'a region of the list of prices', 'us-east-1')
    .option('--prices <file>', 'another list of prices, in the form of cost/prices.json')
    .option('--json', 'print one JSON document on stdout')
    .addHelpText('after', HELP)
    .exitOverride()
    .showHelpAfterError('(--help shows how it is used)')
    .configureOutput({ writeOut: out })
    .action((options: Options) => print(options, out));
}

async function print(options: Options, out: (text: string) => void): Promise<void> {
  const { changedMb, destinationsPerSync: named, json, prices: file, region, serverMb, ...rest } = options;
  if (named !== undefined && named >= rest.servers)
    throw new BadInput(
      `--destinations-per-sync ${named}: a fleet of ${rest.servers} servers has ${rest.servers - 1} at most`,
    );
  const fleet: Fleet = {
    ...rest,
    changedMegabytes: changedMb,
    serverMegabytes: serverMb,
    destinationsPerSync: named ?? Math.min(rest.servers - 1, MOST_DESTINATIONS),
  };
  if (fleet.destinationsPerSync > MOST_WAVES * fleet.waveSize)
    throw new BadInput(
      `--wave-size ${fleet.waveSize}: a sync has ${MOST_WAVES} waves at most, and these would be more`,
    );
  const { date, note, prices } = await readPrices(file, region);
  const bill = costOf(fleet, { prices, stack: STACK, workflow: await loadDefinition() });
  const document = { region, pricesOf: date, fleet, ...bill };
  out(
    json === true
      ? `${JSON.stringify(document, undefined, 2)}\n`
      : showBill(bill, { date, fleet, note, prices, region }),
  );
}

async function readPrices(file: string | undefined, region: string) {
  const path = file ?? PRICES;
  const list = await readList(path, file ?? 'cost/prices.json');
  const prices = list.regions[region];
  if (prices !== undefined) return { date: list.date, note: list.note, prices: prices as Prices };
  const known = Object.keys(list.regions).join(', ');
  throw new BadInput(
    `there are no prices of region ${JSON.stringify(region)}, but of ${known}: copy cost/prices.json, add the region, and name the file with --prices`,
  );
}

async function readList(path: string | URL, name: string) {
  try {
    return priceListSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new BadInput(`the list of prices ${name} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

function whole(least: number, most: number) {
  return (text: string): number => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
  };
}

function amount(least: number, most: number) {
  return (text: string): number => {
    if (/^\d{1,9}(\.\d{1,6})?$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`expected a number from ${least} to ${most}`);
  };
}

/** Of one sync. */
const MOST_DESTINATIONS = 20_000;

const { accessLogDays, logDays, noncurrentDays, pruneGraceDays, pruneKeepDays } = parseSettings({});
/** But for the console and the hold function, which are there when somebody has asked for them. */
const functions = Object.keys(LAMBDA_FUNCTIONS).length - 2;

/** The stack as cdk/ makes it without any context. */
const STACK: Stack = {
  ...{ accessLogDays, logDays, noncurrentDays, pruneGraceDays, pruneKeepDays },
  functions: LAMBDA_FUNCTIONS,
  // Two alarms look at every function, one at three numbers of the workflow, and one at the console.
  metricsInAlarms: Object.keys(ALARMS).length - 4 + 2 * functions + 3,
  metrics: Object.values(METRICS).reduce(
    (all, metric) => all + ('by' in metric ? syncVerdictSchema.shape.verdict.options.length : 1),
    0,
  ),
  queues: 2,
};

const HELP = `
Examples:
  npm run cost -- --servers 1000 --syncs-per-month 4
  npm run cost -- --servers 1000 --syncs-per-month 4 --poll-seconds 30 --status-seconds 120
  npm run cost -- --servers 20 --syncs-per-month 30 --changed-mb 200 --json

Exit status: 0; 2 usage or bad input.
`;
