import type { Mail } from '#core/ports/notifier.ts';
import { printable } from '#core/printable.ts';
import { type DestinationVerdict, endedWell, type SyncVerdict } from '#core/verdict.ts';
import { describeTransfer, haveFetched } from '../describe-transfer.ts';

/** Longer lists are for `lockstep status`; those that ended badly come first. */
const MOST_DESTINATIONS = 100;
const LONGEST_DETAIL = 300;

/** How a sync ended, for those who were asked about it. */
export function verdictMail(verdict: SyncVerdict, to: readonly string[]): Mail {
  const { destinations } = verdict;
  const badFirst = destinations.toSorted((a, b) => Number(endedWell(a)) - Number(endedWell(b)));
  const more = destinations.length - MOST_DESTINATIONS;
  const lines = [
    verdict.rollbackOf === undefined
      ? `Sync ${verdict.sync} from ${verdict.source.server}: ${verdict.verdict}`
      : `Rollback ${verdict.sync} of sync ${verdict.rollbackOf}: ${verdict.verdict}`,
    ...(verdict.detail === undefined ? [] : [printable(verdict.detail.slice(0, LONGEST_DETAIL))]),
    '',
    ...badFirst.slice(0, MOST_DESTINATIONS).map(describeDestination),
    ...(more > 0 ? [`  and ${more} more`] : []),
    '',
    `lockstep status ${verdict.sync}`,
    '',
  ];
  return { to, subject: `Lockstep: sync ${verdict.sync} ${verdict.verdict}`, text: lines.join('\n') };
}

function describeDestination(destination: DestinationVerdict): string {
  const { server, verdict, reason, detail } = destination;
  const transfer = haveFetched([destination])
    .map((one) => `  ${describeTransfer(one)}`)
    .join('');
  const why = reason === undefined ? '' : ` (${printable(reason)})`;
  const more = detail === undefined ? '' : `: ${printable(detail.slice(0, LONGEST_DETAIL))}`;
  return `  ${server.padEnd(30)} ${verdict}${why}${transfer}${more}`;
}
