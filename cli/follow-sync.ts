import type { Plan } from '#core/plan.ts';
import type { SyncId } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import type { ObserveOptions, SyncView } from '#functions/observe/observe-sync.ts';
import type { CommandContext } from './context.ts';
import type { Control } from './control.ts';
import { ProgressReporter } from './progress-reporter.ts';
import type { Labels } from './show/labels.ts';

export interface Follow {
  readonly control: Control;
  readonly sync: SyncId;
  readonly labels: Labels;
  readonly signal: AbortSignal;
  readonly pollMilliseconds: number;
  readonly pause?: ObserveOptions['pause'];
  /** Called once, when the plan is there. */
  readonly onPlan?: (plan: Plan) => void;
  /** Called once, when the plan waits for its approval; nothing is shown meanwhile. */
  readonly onApproval?: (plan: Plan) => Promise<void>;
}

export interface FinishedSync {
  readonly verdict: SyncVerdict;
  readonly view: SyncView;
}

/** Shows how the sync goes on until its verdict is there; throws the signal's reason when it aborts before. */
export async function followSync({ terminal, now }: CommandContext, follow: Follow): Promise<FinishedSync> {
  const { control, labels, onApproval, onPlan, pause, pollMilliseconds, signal, sync } = follow;
  const reporter = new ProgressReporter(terminal, labels, now);
  const seen = { plan: false, approval: false };
  for await (const view of control.observe(sync, { signal, pause, pollMilliseconds })) {
    const { plan, verdict } = view;
    if (plan !== undefined && !seen.plan) {
      seen.plan = true;
      terminal.clear();
      onPlan?.(plan);
    }
    if (plan !== undefined && view.phase === 'approval' && !seen.approval) {
      seen.approval = true;
      terminal.clear();
      await onApproval?.(plan);
      continue;
    }
    reporter.show(view);
    if (verdict !== undefined) return { verdict, view };
  }
  throw new Error('the observation ended without a verdict');
}
