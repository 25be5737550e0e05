import { BadInput, DecisionRefused, Interrupted } from '#core/errors.ts';
import type { SweepCounts, SweepReport } from '#core/sweep.ts';
import { type PruneDependencies, prune } from '#functions/prune/prune.ts';
import { type CommandContext, openExistingStore } from '../context.ts';
import type { CommandOutcome } from '../outcome.ts';
import { showSweep, showSweepProgress, sumOf } from '../show/sweep.ts';
import { bytes, count } from '../show/text.ts';

export interface PruneOptions {
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly keep: number;
  readonly keepDays: number;
  readonly graceDays: number;
}

/** Sweeps the store: shows what would go, asks, and does it. */
export async function pruneCommand(context: CommandContext, options: PruneOptions): Promise<CommandOutcome> {
  const { log, now, person, signal, terminal } = context;
  const { yes, ...wish } = options;
  if (!yes && !wish.dryRun && !terminal.canAsk) {
    throw new BadInput('add --yes, or run this on a terminal to be asked; --dry-run only looks');
  }
  const onProgress: PruneDependencies['onProgress'] = (progress) => {
    if (terminal.rewrites) terminal.live(showSweepProgress(progress, terminal.paint));
  };
  const dependencies = { store: await openExistingStore(context), now, log, signal, onProgress };
  const run = async (dryRun: boolean): Promise<SweepReport> => {
    try {
      return await prune(dependencies, { ...wish, dryRun, by: person.slice(0, LONGEST_NAME) });
    } finally {
      terminal.clear();
    }
  };
  if (!yes && !wish.dryRun) await assertAgreed(context, await run(true));
  const report = await run(wish.dryRun);
  return {
    exitStatus: report.gaveWay === undefined || wish.dryRun ? 0 : 3,
    document: sweepDocument(report, wish),
    text: showSweep(report, terminal.paint),
  };
}

/** Asks only where something would be lost. */
async function assertAgreed({ signal, terminal }: CommandContext, report: SweepReport): Promise<void> {
  const due = sumOf(report, 'removed');
  if (due.objects === 0) return;
  terminal.say(showSweep(report, terminal.paint));
  const answer = await terminal.confirm(`Remove ${count(due.objects, 'object')}, ${bytes(due.bytes)}?`, signal);
  if (answer === undefined) throw new Interrupted('stopped at the question');
  if (!answer) throw new DecisionRefused('nothing was marked or removed');
}

function sweepDocument(
  { counts, dryRun, gaveWay }: SweepReport,
  { graceDays, keep, keepDays }: Pick<PruneOptions, 'keep' | 'keepDays' | 'graceDays'>,
) {
  const ofKind = ({ kept, marked, removed, waiting }: SweepCounts) => ({ kept, markedNow: marked, waiting, removed });
  return {
    dryRun,
    keep,
    keepDays,
    graceDays,
    gaveWay: gaveWay ?? null,
    snapshots: ofKind(counts.snapshot),
    indexes: ofKind(counts.index),
    packs: ofKind(counts.pack),
  };
}

const LONGEST_NAME = 200;
