import { labelled } from '#core/digest.ts';
import { BadInput, DecisionRefused, Interrupted } from '#core/errors.ts';
import type { Plan } from '#core/plan.ts';
import type { SyncId } from '#core/sync.ts';
import { exitStatus } from '#core/verdict.ts';
import type { CommandContext } from '../context.ts';
import { decide, describeVote, howToDecide, whileOpen } from '../decide.ts';
import { findFleet } from '../fleet-documents.ts';
import { type FinishedSync, followSync } from '../follow-sync.ts';
import type { CommandOutcome } from '../outcome.ts';
import { type Parties, resolveParties } from '../parties.ts';
import { openSession, type Session, type SyncOptions } from '../session.ts';
import { describePlan, showDifferences } from '../show/differences.ts';
import { showVerdict } from '../show/verdict.ts';
import { syncDocument } from '../sync-document.ts';
import { lookAtSync } from '../sync-view.ts';

/** The wizard: source and destinations, differences, confirmation, progress, result. */
export async function syncCommand(
  context: CommandContext,
  names: readonly string[],
  options: SyncOptions,
): Promise<CommandOutcome> {
  const parties = await findParties(context, names);
  assertDecidable(context, parties, options);
  const session = await openSession(context, parties, options);
  try {
    const sync = await session.request();
    context.terminal.say(context.terminal.paint('faint', `Sync ${sync}`));
    return await carryThrough(context, { session, sync, options });
  } finally {
    await session.close();
  }
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
function assertDecidable({ terminal }: CommandContext, parties: Parties, { dryRun, yes }: SyncOptions): void {
  if (dryRun || yes || terminal.canAsk || parties.kind === 'servers') return;
  throw new BadInput(
    'this asks before it overwrites anything: add --yes to agree beforehand, or run it on a terminal; --dry-run only looks',
  );
}

interface Run {
  readonly session: Session;
  readonly sync: SyncId;
  readonly options: SyncOptions;
}

async function carryThrough(context: CommandContext, run: Run): Promise<CommandOutcome> {
  const { session, sync } = run;
  const { controlKey, labels, pause, pollMilliseconds, store } = session;
  const trouble = new AbortController();
  session.watchOver(sync).catch((error) => trouble.abort(error));
  const signal = AbortSignal.any([context.signal, trouble.signal]);
  try {
    const finished = await followSync(context, {
      ...{ controlKey, labels, pause, pollMilliseconds, signal, store, sync },
      onPlan: (plan) => context.terminal.say(showDifferences(plan, labels, context.terminal.paint)),
      onApproval: (plan) => seekApproval(context, run, plan),
    });
    return toOutcome(context, run, finished);
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
  const view = await lookAtSync(session.store, sync, {
    signal: new AbortController().signal,
    controlKey: session.controlKey,
  });
  if (view.verdict !== undefined) return toOutcome(context, run, { verdict: view.verdict, view });
  if (stopped)
    throw new Interrupted(
      `stopped: sync ${sync} has no verdict; sync again to bring the destinations into a known state`,
    );
  const text = `Stopped watching; sync ${sync} goes on:\n  lockstep watch ${sync}\n  lockstep reject ${sync}`;
  return { exitStatus: 1, document: { sync, verdict: null, phase: view.phase }, text };
}

async function seekApproval(context: CommandContext, { options, session }: Run, plan: Plan): Promise<void> {
  const { terminal } = context;
  const mayApprove = plan.policy.requesterMayApprove || plan.requestedBy !== context.person;
  const asks = !options.yes && mayApprove && terminal.canAsk;
  if (asks) terminal.say(terminal.paint('strong', 'Synchronization Confirmation'));
  const question = `Overwrite ${describePlan(plan, session.labels)}?`;
  const answer = asks ? await terminal.confirm(question, whileOpen(context, plan)) : options.yes || undefined;
  if (context.signal.aborted) throw new Interrupted('stopped at the question');
  if (answer !== undefined) {
    const decision = answer ? 'APPROVED' : 'REJECTED';
    const via = asks ? 'terminal' : '--yes';
    try {
      const cast = await decide(context, { ...session, plan, decision, via });
      terminal.say(describeVote(cast, plan));
      if (cast.decision !== undefined) return;
    } catch (error) {
      if (!(error instanceof DecisionRefused)) throw error;
      terminal.say(terminal.paint('warning', `Not recorded: ${error.message}`));
    }
  }
  terminal.say(`Another person can decide on it:\n${howToDecide(plan)}`);
}

function toOutcome(
  { terminal }: CommandContext,
  { options, session }: Run,
  { verdict, view }: FinishedSync,
): CommandOutcome {
  const document = syncDocument(verdict, session.folders);
  const differences =
    options.dryRun && view.plan !== undefined ? { differences: view.plan.destinations.map(labelPart) } : {};
  return {
    exitStatus: exitStatus(verdict),
    document: { ...document, ...differences },
    text: showVerdict(verdict, session.labels, terminal.paint),
  };
}

function labelPart(destination: Plan['destinations'][number]) {
  return destination.outcome === 'changes' ? { ...destination, part: labelled(destination.part) } : destination;
}
