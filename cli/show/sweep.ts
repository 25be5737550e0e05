import { printable } from '#core/printable.ts';
import type { SweepCounts, SweepReport, Tally } from '#core/sweep.ts';
import type { SweepProgress } from '#functions/prune/prune.ts';
import { grid } from './grid.ts';
import { bytes, count, type Paint } from './text.ts';

/** What a sweep did, or would do, by kind of object. */
export function showSweep(report: SweepReport, paint: Paint): string {
  const { counts, dryRun, gaveWay } = report;
  const states = ['kept', 'marked', 'waiting', 'removed'] as const;
  const titles = dryRun ? ['kept', 'to mark', 'waiting', 'to remove'] : ['kept', 'marked now', 'waiting', 'removed'];
  const rows = [
    ['snapshots', counts.snapshot],
    ['indexes', counts.index],
    ['packs', counts.pack],
  ] as const;
  const table = grid(
    [{ title: 'what' }, ...titles.map((title) => ({ title, align: 'right' as const }))],
    rows.map(([what, ofKind]) => [what, ...states.map((state) => cell(ofKind[state]))]),
    paint,
  ).trimEnd();
  const warning = gaveWay === undefined ? [] : [`${printable(gaveWay)}: ${dryRun ? GIVES_WAY : GAVE_WAY}`];
  return [table, ...warning.map((line) => paint('warning', line)), ending(report)].join('\n');
}

export function sumOf({ counts }: SweepReport, state: keyof SweepCounts): Tally {
  const tallies = Object.values(counts).map((ofKind) => ofKind[state]);
  return {
    objects: tallies.reduce((sum, { objects }) => sum + objects, 0),
    bytes: tallies.reduce((sum, one) => sum + one.bytes, 0),
  };
}

export function showSweepProgress({ done, stage, total }: SweepProgress, paint: Paint): string {
  if (stage === 'reading' || total === undefined)
    return paint('strong', `Looking at the store: ${count(done, 'object')}`);
  const full = total === 0 ? BAR_WIDTH : Math.round((done / total) * BAR_WIDTH);
  const drawn = paint('strong', '█'.repeat(full)) + paint('faint', '░'.repeat(BAR_WIDTH - full));
  return `${paint('strong', 'Removing')}  ${drawn}  ${done} of ${count(total, 'object')}`;
}

function ending(report: SweepReport): string {
  const removed = sumOf(report, 'removed');
  const amount = `${count(removed.objects, 'object')}, ${bytes(removed.bytes)}`;
  return report.dryRun ? `Would remove ${amount}; nothing was written.` : `Removed ${amount}.`;
}

function cell({ bytes: amount, objects }: Tally): string {
  return objects === 0 ? '-' : `${objects}, ${bytes(amount)}`;
}

const GIVES_WAY = 'as long as that lasts, nothing would be marked or removed';
const GAVE_WAY = 'the sweep gave way; run it again later';
const BAR_WIDTH = 24;
