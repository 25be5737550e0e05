import { printable } from '#core/printable.ts';
import { type DestinationVerdict, endedWell, exitStatus, type SyncVerdict, toneOf } from '#core/verdict.ts';
import { describeTransfer, haveFetched } from '#functions/describe-transfer.ts';
import { grid } from './grid.ts';
import type { Labels } from './labels.ts';
import { bytes, count, type Paint } from './text.ts';

/** The wizard's last page: the result at each destination, and one last sentence. */
export function showVerdict(verdict: SyncVerdict, labels: Labels, paint: Paint): string {
  const notes = verdict.destinations.flatMap((destination) => noteOn(destination, labels));
  return [
    paint('strong', 'Synchronization Result'),
    grid(
      COLUMNS,
      verdict.destinations.map((destination) => destinationRow(destination, labels, paint)),
      paint,
    ).trimEnd(),
    ...notes,
    ...transfers(verdict.destinations, labels),
    paint(toneOf(verdict.verdict), lastSentence(verdict, labels)),
  ].join('\n');
}

/** One sentence that a person can act on. */
function lastSentence(verdict: SyncVerdict, labels: Labels): string {
  const all = verdict.destinations.length;
  const well = verdict.destinations.filter(endedWell).length;
  const toldAbove = verdict.destinations.some(({ detail }) => detail !== undefined);
  const why = verdict.detail === undefined || toldAbove ? '' : ` ${labels.inText(verdict.detail)}`;
  switch (verdict.verdict) {
    case 'IN_SYNC':
      return `In sync: nothing was to be done at ${count(all, 'destination')}.`;
    case 'SUCCEEDED':
      if (verdict.rollbackOf !== undefined)
        return `Succeeded: ${count(all, 'destination')} put back as before sync ${verdict.rollbackOf}; what was written was read back and verified by SHA-256.`;
      return `Succeeded: ${count(all, 'destination')} in sync with the source; what was written was read back and verified by SHA-256.`;
    case 'PLANNED':
      return 'Planned: these differences are there; nothing was written. Leave out --dry-run to overwrite.';
    case 'VERIFIED':
      return `Verified: every file of ${count(all, 'server')} was read, and is as the last receipt says.`;
    case 'DRIFTED':
      return `Drifted: ${well} of ${count(all, 'server')} as the last receipt says; every file was read.${why}`;
    case 'REJECTED':
      return 'Rejected: nothing was written at any destination.';
    case 'EXPIRED':
      return 'Expired: nobody approved in time; nothing was written at any destination. Start a new sync.';
    case 'HALTED':
      return `Halted: too many destinations ended badly, the rest was not attempted; ${well} of ${all} are in sync.${why}`;
    case 'FAILED':
      if (verdict.reason === 'Interrupted') return `Stopped: ${well} of ${count(all, 'destination')} in sync.${why}`;
      return `${exitStatus(verdict) === 3 ? 'Refused' : 'Failed'}: ${well} of ${count(all, 'destination')} in sync.${why}`;
  }
}

function destinationRow(destination: DestinationVerdict, labels: Labels, paint: Paint): string[] {
  const { changes, verdict } = destination;
  const result = destination.reason === undefined ? verdict : `${verdict} ${printable(destination.reason)}`;
  const counts = [changes.create, changes.update, changes.remove, changes.keep, destination.protected].map(String);
  return [labels.of(destination.server), paint(toneOf(verdict), result), ...counts, bytes(destination.bytesFetched)];
}

function noteOn({ server, detail, verdict }: DestinationVerdict, labels: Labels): string[] {
  return detail === undefined ? [] : [`  ${labels.of(server)}: ${verdict}: ${labels.inText(detail)}`];
}

/** What the plan said, beside what it was. */
function transfers(destinations: readonly DestinationVerdict[], labels: Labels): string[] {
  const told = haveFetched(destinations);
  const lines = told.slice(0, MOST_TRANSFERS).map((one) => `  ${labels.of(one.server)}: ${describeTransfer(one)}`);
  const more = told.length - lines.length;
  return more > 0 ? [...lines, `  and ${count(more, 'more transfer')}; --json names them all`] : lines;
}

const MOST_TRANSFERS = 20;

const COLUMNS = [
  { title: 'Configuration Destination' },
  { title: 'verdict' },
  ...['create', 'update', 'remove', 'keep', 'licenses kept', 'fetched'].map((title) => ({
    title,
    align: 'right' as const,
  })),
];
