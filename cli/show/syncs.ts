import { printable } from '#core/printable.ts';
import { toneOf } from '#core/verdict.ts';
import { describeTransfer, haveFetched, sumTransfers } from '#functions/describe-transfer.ts';
import type { PastSync } from '#functions/observe/list-syncs.ts';
import { grid } from './grid.ts';
import { enumerate, type Paint, time } from './text.ts';

/** Syncs as one table. */
export function showSyncs(syncs: readonly PastSync[], paint: Paint): string {
  if (syncs.length === 0) return 'No sync yet.';
  return grid(
    COLUMNS,
    syncs.map(({ request, verdict }) => [
      request.sync,
      time(request.requestedAt),
      printable(request.requestedBy),
      request.source,
      enumerate(request.destinations, 3),
      describeMode(request.policy),
      verdict === undefined ? 'under way' : paint(toneOf(verdict.verdict), verdict.verdict),
      describeAll(verdict),
    ]),
    paint,
  ).trimEnd();
}

function describeMode({ dryRun, mode, verify }: PastSync['request']['policy']): string {
  if (verify === true) return 'verify';
  return dryRun ? `${mode}, dry run` : mode;
}

/** To all destinations: bytes together, seconds of the slowest. */
function describeAll(verdict: PastSync['verdict']): string {
  const fetched = haveFetched(verdict?.destinations ?? []);
  return fetched.length === 0 ? '' : describeTransfer(sumTransfers(fetched));
}

const COLUMNS = ['sync', 'requested', 'by', 'source', 'destinations', 'mode', 'verdict', 'transfer'].map((title) => ({
  title,
}));
