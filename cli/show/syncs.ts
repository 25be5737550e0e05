import { printable } from '#core/printable.ts';
import { toneOf } from '#core/verdict.ts';
import { describeTransfer } from '#functions/describe-transfer.ts';
import type { PastSyncDocument } from '../control.ts';
import { grid } from './grid.ts';
import { enumerate, type Paint, time } from './text.ts';

/** Syncs as one table. */
export function showSyncs(syncs: readonly PastSyncDocument[], paint: Paint): string {
  if (syncs.length === 0) return 'No sync yet.';
  return grid(
    COLUMNS,
    syncs.map((one) => [
      one.sync,
      time(one.requestedAt),
      printable(one.requestedBy),
      one.source,
      enumerate(one.destinations, 3),
      describeMode(one),
      one.verdict === null ? 'under way' : paint(toneOf(one.verdict), one.verdict),
      describeAll(one.transfer),
    ]),
    paint,
  ).trimEnd();
}

function describeMode({ dryRun, mode, verify }: PastSyncDocument): string {
  if (verify === true) return 'verify';
  return dryRun ? `${mode}, dry run` : mode;
}

/** To all destinations: bytes together, seconds of the slowest. */
function describeAll(transfer: PastSyncDocument['transfer']): string {
  const isNone = transfer === undefined || (transfer.bytesFetched === 0 && transfer.secondsFetching === 0);
  return isNone ? '' : describeTransfer(transfer);
}

const COLUMNS = ['sync', 'requested', 'by', 'source', 'destinations', 'mode', 'verdict', 'transfer'].map((title) => ({
  title,
}));
