import { isApprover } from '#core/approvers.ts';
import { labelled } from '#core/digest.ts';
import { BadInput, DecisionRefused, Interrupted } from '#core/errors.ts';
import type { Plan } from '#core/plan.ts';
import { removalsOf, unacknowledgedIn } from '#core/removals.ts';
import type { SyncId } from '#core/sync.ts';
import { exitStatus, type SyncVerdict } from '#core/verdict.ts';
import type { CommandContext } from '../context.ts';
import { askAboutRemovals, decide, describeVote, howToDecide, whileOpen } from '../decide.ts';
import { findFleet } from '../fleet-documents.ts';
import { type FinishedSync, followSync } from '../follow-sync.ts';
import type { CommandOutcome } from '../outcome.ts';
import { type Parties, resolveParties } from '../parties.ts';
import { openSession, type Session, type SyncOptions } from '../session.ts';
import { describePlan, showDifferences } from '../show/differences.ts';
import { showVerdict } from '../show/verdict.ts';
import { localEditsIn, syncDocument } from '../sync-document.ts';

/** The wizard: source and destinations, differences, confirmation, progress, result. */
export async function syncCommand(
  context: CommandContext,
  names: readonly string[],
  options: SyncOptions,
): Promise<CommandOutcome> {
  const session = await openSyncSession(context, names, options);
  try {
    const sync = await session.request();
    context.terminal.say(context.terminal.paint('faint', `Sync ${sync}`));
    return await carryThrough(context, { session, sync, options });
  } finally {
    await session.close();
  }
}

async function openSyncSession(
  context: CommandContext,
  names: readonly string[],
  options: SyncOptions,
): Promise<Session> {
  if (context.location.isConsole) {
    const { openConsoleSession } = await import('../console-session.ts');
    return await openConsoleSession(context, names, options);
  }
  const parties = await findParties(context, names);
  assertDecidable(context, parties, options);
  return await openSession(context, parties, options);
}

async function findParties(context: CommandContext, names: readonly string[]): Promise<Parties> {
  const { location, terminal } = context;
  const [source, ...destinations] = names;
  if (source === undefined) {
    if (terminal.canAsk) {
      // The prompts take a moment to load, and most commands ask nothing.
      const { askParties } = await import('../ask-parties.ts');
      return await askParties(context);
    }
    throw new BadInput(
      'name a source and at least one destination, or run this on a terminal to be asked; see lockstep sync --help',
    );
  }
  if (destinations.length === 0)
    throw new BadInput(`name at least one destination for ${source}; see lockstep sync --help`);
  return await resolveParties({ source, destinations, storeUrl: location.url, readFleet: () => findFleet(context) });
}

/** Whether there is, or can be, anybody to say yes; known before any work begins. */
export function assertDecidable(
  { terminal }: CommandContext,
  { kind }: Pick<Parties, 'kind'>,
  { dryRun, yes }: RunOptions,
): void {
  if (dryRun || yes || terminal.canAsk || kind === 'servers') return;
  throw new BadInput(
    'this asks before it overwrites anything: add --yes to agree beforehand, or run it on a terminal; --dry-run only looks',
  );
}

/** What the person has said beforehand. */
export type RunOptions = Pick<SyncOptions, 'acknowledgeRemovals' | 'dryRun' | 'yes'>;

export interface Run {
  readonly session: Session;
  readonly sync: SyncId;
  readonly options: RunOptions;
  /** What it comes to, where that is not what a sync comes to. */
  readonly conclude?: (finished: FinishedSync) => Promise<CommandOutcome>;
}

/** Follows what was requested to its verdict, or leaves it as it should be left. */
export async function carryThrough(context: CommandContext, run: Run): Promise<CommandOutcome> {
  const { session, sync } = run;
  const { control, labels, pause, pollMilliseconds } = session;
  const trouble = new AbortController();
  session.watchOver(sync).catch((error) => trouble.abort(error));
  const signal = AbortSignal.any([context.signal, trouble.signal]);
  try {
    const finished = await followSync(context, {
      ...{ control, labels, pause, pollMilliseconds, signal, sync },
      onPlan: (plan) => context.terminal.say(showDifferences(plan, labels, context.terminal.paint)),
      onApproval: (plan) => seekApproval(context, run, plan),
    });
    return await toOutcome(context, run, finished);
  } catch (error) {
    if (context.signal.aborted || error instanceof Interrupted) return await leave(context, run);
    // What ran here has ended, and the history should not say that it goes on.
    await session
      .interrupt(sync)
      .catch((problem) => context.log('interrupt-failed', { sync, problem: String(problem) }));
    throw error;
  }
}

/** The person stopped: folders are left in a state that is told, a fleet's sync goes on without us. */
async function leave(context: CommandContext, run: Run): Promise<CommandOutcome> {
  const { session, sync } = run;
  if (session.kind === 'folders') context.terminal.say('Stopping …');
  const stopped = await session.interrupt(sync);
  const view = await session.control.look(sync, new AbortController().signal);
  if (view.verdict !== undefined) return await toOutcome(context, run, { verdict: view.verdict, view });
  if (stopped)
    throw new Interrupted(
      `stopped: sync ${sync} has no verdict; sync again to bring the destinations into a known state`,
    );
  const text = `Stopped watching; sync ${sync} goes on:\n  lockstep watch ${sync}\n  lockstep cancel ${sync}`;
  return { exitStatus: 1, document: { sync, verdict: null, phase: view.phase }, text };
}

async function seekApproval(context: CommandContext, { options, session }: Run, plan: Plan): Promise<void> {
  const { terminal } = context;
  const { person } = session.control;
  const isBarred = plan.requestedBy === person && !plan.policy.requesterMayApprove;
  const mayApprove = !isBarred && isApprover(plan.policy, { by: person });
  const asks = !options.yes && mayApprove && terminal.canAsk;
  if (options.yes && mayApprove) assertAcknowledged(plan, { options, session });
  const answer = asks ? await ask(context, { options, session, plan }) : agreedBeforehand(options);
  if (context.signal.aborted) throw new Interrupted('stopped at the question');
  if (answer !== undefined) {
    const via = asks ? 'terminal' : '--yes';
    try {
      const cast = await decide(session.control, { plan, ...answer, via });
      terminal.say(describeVote(cast, plan));
      if (cast.decision !== undefined) return;
    } catch (error) {
      if (!(error instanceof DecisionRefused)) throw error;
      terminal.say(terminal.paint('warning', `Not recorded: ${error.message}`));
    }
  }
  terminal.say(`Another person can decide on it:\n${howToDecide(plan)}`);
}

type Answer = Pick<Parameters<typeof decide>[1], 'decision' | 'acknowledgedRemovals'>;

/** `undefined` when the plan grew too old, or the person stopped. */
async function ask(
  context: CommandContext,
  { options, plan, session }: Pick<Run, 'options' | 'session'> & { readonly plan: Plan },
): Promise<Answer | undefined> {
  const { terminal } = context;
  terminal.say(terminal.paint('strong', 'Synchronization Confirmation'));
  const verb = plan.rollbackOf === undefined ? 'Overwrite' : 'Put back';
  const question = `${verb} ${describePlan(plan, session.labels)}?`;
  const answer = await terminal.confirm(question, whileOpen(context, plan));
  if (answer !== true) return answer === false ? { decision: 'REJECTED' } : undefined;
  const acknowledgedRemovals = options.acknowledgeRemovals ?? (await askAboutRemovals(context, plan, session.labels));
  return acknowledgedRemovals === 'declined'
    ? { decision: 'REJECTED' }
    : { decision: 'APPROVED', acknowledgedRemovals };
}

function agreedBeforehand({ acknowledgeRemovals, yes }: RunOptions): Answer | undefined {
  return yes ? { decision: 'APPROVED', acknowledgedRemovals: acknowledgeRemovals } : undefined;
}

/** To agree beforehand is not to agree to removing half a server: nobody may be there to be asked, so it ends here. */
function assertAcknowledged(plan: Plan, { options, session }: Pick<Run, 'options' | 'session'>): void {
  const removed = removalsOf(plan);
  const given = options.acknowledgeRemovals;
  if (given === removed || (given === undefined && unacknowledgedIn(plan).length === 0)) return;
  const waits = session.kind === 'servers' ? ` to the command, or to lockstep approve ${plan.sync}` : '';
  throw new DecisionRefused(
    `${removed} files would be removed, and --yes alone does not agree to that: look at them, then add --acknowledge-removals ${removed}${waits}`,
  );
}

async function toOutcome(
  { terminal }: CommandContext,
  { conclude, options, session }: Run,
  finished: FinishedSync,
): Promise<CommandOutcome> {
  if (conclude !== undefined) return await conclude(finished);
  const { verdict, view } = finished;
  const document = syncDocument(verdict, session.folders);
  const differences =
    options.dryRun && view.plan !== undefined ? { differences: view.plan.destinations.map(labelPart) } : {};
  return {
    exitStatus: exitStatus(verdict),
    document: { ...document, ...differences, localEdits: localEditsIn(view.plan) },
    text: `${showVerdict(verdict, session.labels, terminal.paint)}${wayBack(verdict)}`,
  };
}

function wayBack({ destinations, sync }: SyncVerdict): string {
  return destinations.some(({ verdict }) => verdict === 'SUCCEEDED') ? `\nTo undo this: lockstep rollback ${sync}` : '';
}

function labelPart(destination: Plan['destinations'][number]) {
  return destination.outcome === 'changes' ? { ...destination, part: labelled(destination.part) } : destination;
}
