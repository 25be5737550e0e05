import { table } from 'table';
import type { Bill, Fleet, Line } from './model.ts';
import type { Price, Prices } from './prices.ts';

interface Shown {
  readonly date: string;
  readonly note: string;
  readonly region: string;
  readonly fleet: Fleet;
  readonly prices: Prices;
}

/** The bill as a table by service, then what it comes to, then the two others. */
export function showBill(bill: Bill, { date, fleet, note, prices, region }: Shown): string {
  const { destinationsPerSync, pollSeconds, servers, statusSeconds, syncsPerMonth } = fleet;
  return [
    `${count(servers)} servers, ${count(syncsPerMonth)} syncs a month to ${count(destinationsPerSync)} destinations each,`,
    `${count(fleet.changedMegabytes)} MB a destination; agents look every ${pollSeconds} s and say that they live every ${statusSeconds} s`,
    `${region}, prices of ${date}`,
    '',
    showLines(bill, prices).trimEnd(),
    '',
    `In a month     ${dollars(bill.total)}`,
    `Per server     ${dollars(bill.perServer)}`,
    ...(bill.perSync === undefined
      ? []
      : [`Per sync       ${dollars(bill.perSync)}, beside what is there without one`]),
    '',
    'The same servers and updates elsewhere, as list prices:',
    `AWS CodeDeploy, on-premises updates            ${dollars(bill.others.codeDeploy)}`,
    `AWS Systems Manager, advanced instances        ${dollars(bill.others.systemsManager)}`,
    '',
    ...ELSEWHERE,
    '',
    note,
    ...LEFT_OUT,
    '',
  ].join('\n');
}

function showLines({ lines, total }: Bill, prices: Prices): string {
  const services = [...new Set(lines.map(({ service }) => service))];
  const rows = services.flatMap((service) => lines.filter((line) => line.service === service).map(row));
  const header = ['service', 'what', 'quantity', 'unit price', 'dollars', 'share'];
  return table([header, ...rows], {
    columns: { 2: { alignment: 'right' }, 4: { alignment: 'right' }, 5: { alignment: 'right' } },
    drawHorizontalLine: (line, all) => line <= 1 || line === all || isFirstOfService(line),
  });

  function row({ dollars: sum, priced, quantity, service, what }: Line, index: number): string[] {
    const price = prices[priced];
    const share = total === 0 ? 0 : (100 * sum) / total;
    const amounts = [`${count(quantity)} ${price.unit}`, unitPrice(price), dollars(sum), `${share.toFixed(1)} %`];
    return [index === 0 ? service : '', what, ...amounts];
  }

  function isFirstOfService(line: number): boolean {
    return rows[line - 1]?.[0] !== '';
  }
}

function unitPrice({ dollars: each, per }: Price): string {
  return per === 1 ? `$${each}` : `$${each} / ${count(per)}`;
}

function dollars(sum: number): string {
  const digits = sum > 0 && sum < 0.005 ? 6 : 2;
  return `$${sum.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

function count(number: number): string {
  return number.toLocaleString('en-US', { maximumFractionDigits: number < 10 ? 2 : 0 });
}

const ELSEWHERE = [
  'Neither shows the differences before anything is written, binds an approval to exact bytes on both sides, puts a server back',
  'byte for byte when its check fails, or proves by a signed receipt that licenses were not touched. Systems Manager asks',
  'nothing for the first thousand servers of an account and region while none of them is advanced.',
];

const LEFT_OUT = [
  'Not in it: free tiers; retries, failures and syncs that end early; a terminal that follows a sync (some requests',
  'a second); CloudTrail data events; a private certificate authority; what leaves for AWS over a VPN or Direct Connect.',
];
