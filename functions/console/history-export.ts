import type { PastSync } from '../observe/list-syncs.ts';
import { pastSyncDocument } from '../observe/past-sync-document.ts';

/** One line a sync, in the form of RFC 4180. */
export function toCsv(syncs: readonly PastSync[]): string {
  return [COLUMNS, ...syncs.map(cellsOf)].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

/** As `lockstep history --json` has it. */
export function toJson(syncs: readonly PastSync[]): string {
  return `${JSON.stringify({ syncs: syncs.map(pastSyncDocument) }, null, 2)}\n`;
}

function cellsOf({ request, verdict }: PastSync): (string | number)[] {
  const { destinations, policy, requestedAt, requestedBy, source, sync } = request;
  const sum = (of: (one: NonNullable<PastSync['verdict']>['destinations'][number]) => number) =>
    verdict === undefined ? '' : verdict.destinations.reduce((total, one) => total + of(one), 0);
  return [
    sync,
    requestedAt,
    verdict?.finishedAt ?? '',
    requestedBy,
    source,
    destinations.length,
    destinations.join(' '),
    policy.verify === true ? 'verify' : policy.mode,
    policy.dryRun ? 'yes' : 'no',
    verdict?.verdict ?? 'UNDER_WAY',
    verdict?.detail ?? '',
    sum(({ changes }) => changes.create),
    sum(({ changes }) => changes.update),
    sum(({ changes }) => changes.remove),
    sum(({ bytesFetched }) => bytesFetched),
  ];
}

/** A spreadsheet runs what begins like a formula; behind an apostrophe it is text. */
function csvCell(value: string | number): string {
  const text = String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

const COLUMNS = [
  'sync',
  'requested at',
  'finished at',
  'requested by',
  'source',
  'number of destinations',
  'destinations',
  'mode',
  'dry run',
  'verdict',
  'detail',
  'created',
  'updated',
  'removed',
  'bytes fetched',
];
