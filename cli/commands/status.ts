import { labelled } from '#core/digest.ts';
import { type Plan, shortCode } from '#core/plan.ts';
import { removalsOf, unacknowledgedIn } from '#core/removals.ts';
import type { SyncId } from '#core/sync.ts';
import type { ServerOverview } from '#functions/observe/look-at-servers.ts';
import type { ServerView, SyncView } from '#functions/observe/observe-sync.ts';
import type { CommandContext } from '../context.ts';
import { openControl } from '../control.ts';
import { howToDecide } from '../decide.ts';
import type { CommandOutcome } from '../outcome.ts';
import { showDifferences } from '../show/differences.ts';
import { showFleet } from '../show/fleet.ts';
import { serverLabels } from '../show/labels.ts';
import { phaseTitle, serverState } from '../show/progress.ts';
import { showSyncs } from '../show/syncs.ts';
import type { Paint } from '../show/text.ts';
import { showVerdict } from '../show/verdict.ts';
import { localEditsIn, syncDocument } from '../sync-document.ts';

/** One sync as it stands now. */
export async function syncStatusCommand(context: CommandContext, sync: SyncId): Promise<CommandOutcome> {
  const control = await openControl(context);
  const view = await control.look(sync, context.signal);
  return { exitStatus: 0, document: statusDocument(view), text: showStatus(view, context.terminal.paint) };
}

/** The fleet: when each server was last heard of, and what is under way. */
export async function fleetStatusCommand(context: CommandContext): Promise<CommandOutcome> {
  const { now, signal, terminal } = context;
  const control = await openControl(context);
  const { fleet, servers } = await control.lookAtFleet(signal);
  const underWay = (await control.listSyncs(RECENT, signal)).filter(({ verdict }) => verdict === null);
  const overview =
    servers.length === 0
      ? `No fleet file in ${control.url}: lockstep up pushes it.`
      : showFleet(servers, { now: now(), paint: terminal.paint });
  return {
    exitStatus: 0,
    document: { fleet: fleet ?? null, servers: servers.map(overviewDocument), underWay },
    text: underWay.length === 0 ? overview : `${overview}\n\n${showSyncs(underWay, terminal.paint)}`,
  };
}

function overviewDocument({ offline, server, status, trouble }: ServerOverview) {
  return {
    server,
    offline,
    ...(status && {
      seenAt: status.seenAt,
      agent: status.agent,
      lastSequence: status.lastSequence,
      ...(status.orders && { orders: status.orders }),
    }),
    ...(trouble && { trouble }),
  };
}

function showStatus(view: SyncView, paint: Paint): string {
  const { plan, request, servers, verdict } = view;
  const title = `Sync ${request.sync}: ${phaseTitle(view)}`;
  const differences = plan === undefined ? [] : [showDifferences(plan, serverLabels, paint)];
  if (verdict !== undefined) return [title, ...differences, showVerdict(verdict, serverLabels, paint)].join('\n');
  const lines =
    view.phase === 'approval' && plan !== undefined
      ? [howToDecide(plan)]
      : servers.map((one) => `  ${one.server}: ${serverState(one)}`);
  return [title, ...differences, ...lines].join('\n');
}

function statusDocument(view: SyncView) {
  const { decision, plan, request, verdict } = view;
  return {
    sync: request.sync,
    phase: view.phase,
    cancelled: view.cancelled,
    requestedBy: request.requestedBy,
    requestedAt: request.requestedAt,
    mode: request.policy.mode,
    source: request.source,
    plan: plan === undefined ? null : labelled(plan.digest),
    code: plan === undefined ? null : shortCode(plan.digest),
    expiresAt: plan?.expiresAt ?? null,
    localEdits: localEditsIn(plan),
    removalsToAcknowledge: plan === undefined || unacknowledgedIn(plan).length === 0 ? null : removalsOf(plan),
    estimates: (plan?.destinations ?? []).flatMap(estimateOf),
    decision: decision === undefined ? null : { decision: decision.decision, by: decision.votes.map(({ by }) => by) },
    servers: view.servers.map(serverDocument),
    result: verdict === undefined ? null : syncDocument(verdict, new Map()),
  };
}

function estimateOf(destination: Plan['destinations'][number]) {
  if (destination.outcome !== 'changes' || destination.estimate === undefined) return [];
  return [{ server: destination.server, ...destination.estimate }];
}

function serverDocument({ server, step, progress, receipt }: ServerView) {
  return {
    server,
    step,
    ...(progress && {
      stage: progress.stage,
      filesDone: progress.filesDone,
      filesTotal: progress.filesTotal,
      bytesDone: progress.bytesDone,
      bytesTotal: progress.bytesTotal,
    }),
    outcome: receipt?.outcome ?? null,
  };
}

const RECENT = 100;
