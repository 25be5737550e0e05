import type { Vote } from '#core/approval.ts';
import { labelled } from '#core/digest.ts';
import { BadInput, DecisionRefused } from '#core/errors.ts';
import { type Plan, shortCode } from '#core/plan.ts';
import type { SyncId } from '#core/sync.ts';
import type { SyncView } from '#functions/observe/observe-sync.ts';
import type { CommandContext } from '../context.ts';
import { openControl } from '../control.ts';
import { askAboutRemovals, decide, describeVote, whileOpen } from '../decide.ts';
import type { CommandOutcome } from '../outcome.ts';
import { describePlan, showDifferences } from '../show/differences.ts';
import { serverLabels } from '../show/labels.ts';

export interface DecideOptions {
  readonly decision: Vote['decision'];
  /** Digest or short code of the plan that was looked at. */
  readonly plan: string | undefined;
  readonly yes: boolean;
  readonly comment: string | undefined;
  /** The number of files that the plan removes. */
  readonly acknowledgeRemovals: number | undefined;
}

/** `approve` and `reject`: shows the plan, asks, and records this person's word on it. */
export async function decideCommand(
  context: CommandContext,
  sync: SyncId,
  options: DecideOptions,
): Promise<CommandOutcome> {
  const { signal, terminal } = context;
  if (!options.yes && !terminal.canAsk) throw new BadInput('add --yes, or run this on a terminal to be asked');
  const control = await openControl(context);
  const plan = decidablePlan(await control.look(sync, signal));
  if (options.plan !== undefined) assertNamed(plan, options.plan);
  terminal.say(showDifferences(plan, serverLabels, terminal.paint));
  const acknowledgedRemovals = options.yes ? options.acknowledgeRemovals : await seekAgreement(context, plan, options);
  const via = options.yes ? '--yes' : 'terminal';
  const cast = await decide(control, {
    plan,
    via,
    decision: options.decision,
    comment: options.comment,
    acknowledgedRemovals,
  });
  return {
    exitStatus: 0,
    document: {
      sync,
      plan: labelled(plan.digest),
      vote: cast.vote.decision,
      by: cast.vote.by,
      at: cast.vote.at,
      decision: cast.decision?.decision ?? null,
      approvalsNeeded: plan.policy.approvals,
    },
    text: describeVote(cast, plan),
  };
}

/** DecisionRefused, with who and when, where nothing is left to decide. */
function decidablePlan({ decision, plan, request, verdict }: SyncView): Plan {
  if (decision !== undefined) {
    const people = decision.votes.map(({ at, by, via }) => `${by} at ${at} (${via})`).join(', ');
    throw new DecisionRefused(`sync ${request.sync} was ${decision.decision.toLowerCase()} already, by ${people}`);
  }
  if (verdict !== undefined)
    throw new DecisionRefused(`sync ${request.sync} has ended (${verdict.verdict}); nothing is left to decide`);
  if (plan === undefined)
    throw new DecisionRefused(`sync ${request.sync} has no plan yet: lockstep watch ${request.sync} shows when it has`);
  return plan;
}

function assertNamed(plan: Plan, named: string): void {
  const given = named.trim().toLowerCase();
  if ([plan.digest, labelled(plan.digest), shortCode(plan.digest)].includes(given)) return;
  throw new DecisionRefused(
    `sync ${plan.sync} has plan ${shortCode(plan.digest)} (sha256:${plan.digest}), not ${named}: look at it, then decide on it`,
  );
}

/** DecisionRefused unless the person agrees to all that the plan asks; gives the number of removals. */
async function seekAgreement(
  context: CommandContext,
  plan: Plan,
  { acknowledgeRemovals, decision }: DecideOptions,
): Promise<number | undefined> {
  await assertAgreed(context, plan, decision);
  if (decision === 'REJECTED' || acknowledgeRemovals !== undefined) return acknowledgeRemovals;
  const acknowledged = await askAboutRemovals(context, plan, serverLabels);
  if (acknowledged === 'declined') throw new DecisionRefused('the removals were not agreed to; nothing was decided');
  return acknowledged;
}

async function assertAgreed(context: CommandContext, plan: Plan, decision: Vote['decision']): Promise<void> {
  const verb = `${decision === 'APPROVED' ? 'Approve' : 'Reject'} ${plan.rollbackOf === undefined ? 'overwriting' : 'putting back'}`;
  const answer = await context.terminal.confirm(
    `${verb} ${describePlan(plan, serverLabels)}?`,
    whileOpen(context, plan),
  );
  if (answer === true) return;
  throw new DecisionRefused(
    answer === false ? 'nothing was decided' : `the plan expired at ${plan.expiresAt}; nothing was decided`,
  );
}
