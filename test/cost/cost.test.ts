import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Bill, costOf, type Fleet, type Stack } from '#cost/model.ts';
import { type Prices, priceListSchema } from '#cost/prices.ts';
import { loadDefinition } from '#embedded/definition.ts';

const FLEET: Fleet = {
  servers: 10,
  syncsPerMonth: 4,
  destinationsPerSync: 9,
  changedMegabytes: 50,
  serverMegabytes: 750,
  files: 2300,
  waveSize: 10,
  applySeconds: 60,
  approvers: 2,
  pollSeconds: 5,
  statusSeconds: 10,
  watchingHours: 0,
};

const MEMORY = { memory: 512 };

const STACK: Stack = {
  functions: {
    start: MEMORY,
    inventory: MEMORY,
    plan: MEMORY,
    approval: MEMORY,
    apply: MEMORY,
    signal: MEMORY,
    report: MEMORY,
    console: MEMORY,
  },
  noncurrentDays: 30,
  accessLogDays: 30,
  logDays: 90,
  pruneKeepDays: 30,
  pruneGraceDays: 7,
  metricsInAlarms: 29,
  metrics: 25,
  queues: 2,
};

const { prices } = await readPrices();

async function readPrices(): Promise<{ prices: Prices }> {
  const file = resolve(import.meta.dirname, '../../cost/prices.json');
  const list = priceListSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  return { prices: list.regions['us-east-1'] as Prices };
}

async function billOf(more: Partial<Fleet> = {}): Promise<Bill> {
  return costOf({ ...FLEET, ...more }, { prices, stack: STACK, workflow: await loadDefinition() });
}

function line({ lines }: Bill, what: string) {
  return lines.find((one) => one.what.startsWith(what));
}

describe('the bill', () => {
  it('has what ten agents do in 730 hours, and what S3 asks for it', async () => {
    const bill = await billOf();
    // 730 x 3600 / 5 each, and a tenth of a second's worth of PUTs.
    expect(line(bill, 'looks for an order')).toMatchObject({ quantity: 5_256_000, dollars: expect.closeTo(2.1024, 6) });
    expect(line(bill, 'status of the agents')).toMatchObject({
      quantity: 2_628_000,
      dollars: expect.closeTo(13.14, 6),
    });
  });

  it('has the transitions of four syncs to nine destinations in one wave', async () => {
    // 10 and 3 a wave, TakeInventory ten times, Apply nine times; the execution and its nineteen children.
    expect(line(await billOf(), 'states entered')).toMatchObject({ quantity: 4 * (13 + 10 + 9 + 1 + 10 + 9) });
  });

  it('has what browsers ask the console in ten hours, and nothing of it where there is none', async () => {
    const bill = await billOf({ watchingHours: 10 });
    expect(line(bill, 'looks of browsers')).toMatchObject({ quantity: 12_000, dollars: expect.closeTo(0.012, 6) });
    // Verdict and cancellation, and two of each of the nine.
    expect(line(bill, 'requests that read, of the console')).toMatchObject({ quantity: 12_000 * 20 });
    expect(line(bill, 'secret of the console')).toMatchObject({ dollars: 0.4 });
    const { lines } = await billOf();
    expect(lines.filter(({ service, what }) => /console|browsers/.test(`${service} ${what}`))).toEqual([]);
  });

  it('is the sum of its lines, each a quantity by its price, and nothing in it is no number', async () => {
    const bill = await billOf();
    for (const { dollars, priced, quantity } of bill.lines)
      expect(dollars).toBeCloseTo((quantity * prices[priced].dollars) / prices[priced].per, 9);
    const total = bill.lines.reduce((sum, { dollars }) => sum + dollars, 0);
    expect(Number.isFinite(total)).toBe(true);
    expect(bill.total).toBeCloseTo(total, 9);
    expect(bill.perServer).toBeCloseTo(total / 10, 9);
  });

  it('says of a sync what it adds to a month without one', async () => {
    const [none, four] = [await billOf({ syncsPerMonth: 0 }), await billOf()];
    expect(none.perSync).toBeUndefined();
    expect(four.perSync).toBeCloseTo((four.total - none.total) / 4, 9);
  });

  it('falls with slower clocks, for those are most of it', async () => {
    const [quick, slow] = [await billOf(), await billOf({ pollSeconds: 30, statusSeconds: 120 })];
    expect(line(slow, 'status of the agents')?.quantity).toBe(219_000);
    expect(slow.total).toBeLessThan(quick.total);
  });

  it('stands beside what others ask for the same updates and servers', async () => {
    expect((await billOf()).others).toEqual({
      codeDeploy: expect.closeTo(4 * 9 * 0.02, 9),
      systemsManager: expect.closeTo(10 * 730 * 0.00695, 9),
    });
  });
});

describe('npm run cost', () => {
  it('prints one JSON document of the stack as it is', async () => {
    const { stdout } = await cost('--servers', '10', '--syncs-per-month', '4', '--json');
    const { fleet, lines, pricesOf, region } = JSON.parse(stdout);
    expect({ fleet, region }).toMatchObject({ fleet: FLEET, region: 'us-east-1' });
    expect(pricesOf).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(lines.map(({ service }: { service: string }) => service)).toContain('Lambda');
  });

  it('prints a table, the sums, and the two others', async () => {
    const { stdout } = await cost('--servers', '10', '--syncs-per-month', '4');
    for (const words of ['Step Functions', 'In a month', 'Per server', 'Per sync', 'AWS CodeDeploy', 'Systems Manager'])
      expect(stdout).toContain(words);
  });

  it.each([
    ['--servers', '1', 'expected a whole number from 2 to 100000'],
    ['--syncs-per-month', 'many', 'expected a whole number'],
    ['--poll-seconds', '-1', 'expected a number'],
    ['--destinations-per-sync', '10', 'a fleet of 10 servers has 9 at most'],
    ['--region', 'mars-north-1', 'there are no prices of region "mars-north-1", but of us-east-1'],
    ['--prices', '/nowhere/prices.json', 'cannot be used'],
    ['--unknown', 'x', "unknown option '--unknown'"],
  ])('refuses %s %s, says why, and ends with 2', async (option, value, why) => {
    const { status, stderr, stdout } = await cost('--servers', '10', '--syncs-per-month', '4', option, value);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(why);
  });

  it('refuses more waves than a sync may have', async () => {
    const { status, stderr } = await cost('--servers', '5000', '--syncs-per-month', '1', '--wave-size', '1');
    expect(status).toBe(2);
    expect(stderr).toContain('2000 waves at most');
  });
});

async function cost(...args: readonly string[]) {
  const program = resolve(import.meta.dirname, '../../cost/main.ts');
  try {
    return { status: 0, ...(await promisify(execFile)(process.execPath, [program, ...args])) };
  } catch (error) {
    const { code, stderr, stdout } = error as { code: number; stderr: string; stdout: string };
    return { status: code, stderr, stdout };
  }
}
