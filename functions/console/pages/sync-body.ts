import { html } from 'hono/html';
import { shortCode } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import type { SyncId } from '#core/sync.ts';
import { count } from '../../count.ts';
import type { SyncView } from '../../observe/observe-sync.ts';
import { SyncTimesReader } from '../../observe/sync-times.ts';
import type { ConsoleParts } from '../console-parts.ts';
import type { Html } from '../parts/layout.ts';
import { stepOf, steps } from '../parts/steps.ts';
import { badge, moment, verdictBadge } from '../parts/words.ts';
import { planSummary } from './plan-summary.ts';
import { eventsSection } from './sync-events.ts';
import { receiptsSection } from './sync-receipts.ts';
import { serversSection } from './sync-servers.ts';
import { timingSection } from './sync-timing.ts';

/** Draws a sync: the same for all who watch it. What has been read of it once is kept for the next time. */
export function drawSync({ now, store }: Pick<ConsoleParts, 'now' | 'store'>): (view: SyncView) => Promise<string> {
  const readers = new Map<SyncId, SyncTimesReader>();
  return async (view) => {
    const { sync } = view.request;
    const reader = readers.get(sync) ?? new SyncTimesReader(store);
    readers.delete(sync);
    readers.set(sync, reader);
    const [oldest] = readers.keys();
    if (oldest !== undefined && readers.size > MOST_KEPT) readers.delete(oldest);
    const timed = { view, times: await reader.read(view), now: now() };
    return String(
      await html`${stateSection(view)}
${serversSection(view)}
${differences(view)}
${timingSection(timed)}
${eventsSection(timed)}
${view.verdict === undefined ? '' : receiptsSection(view.request, view.verdict)}`,
    );
  };
}

/** The one part that a screen reader is told of when it changes: it changes seldom. */
function stateSection(view: SyncView): Html {
  const { phase, plan, request } = view;
  return html`${request.policy.verify === true ? '' : steps(stepOf(phase))}
    <p id="state" role="status" data-phase="${phase}">${stateOf(view)}</p>
    <p>${describeRequest(view)} Asked for by ${printable(request.requestedBy)} at ${moment(request.requestedAt)}.</p>
    ${phase === 'approval' && plan ? approvalNote(plan.sync, shortCode(plan.digest), plan.expiresAt) : ''}`;
}

function describeRequest({ request: { destinations, policy, rollbackOf, source } }: SyncView): Html {
  if (policy.verify === true) return html`Verification of ${count(destinations.length + 1, 'server')}.`;
  const to = count(destinations.length, 'destination');
  if (rollbackOf !== undefined)
    return html`Rollback of sync <a href="/syncs/${rollbackOf}">${rollbackOf}</a> at ${to}.`;
  return html`From <a href="/servers/${source}">${source}</a> to ${to}, mode ${policy.mode}${policy.dryRun ? ', only looking' : ''}.`;
}

function stateOf({ cancelled, phase, verdict }: SyncView): Html {
  if (verdict === undefined) return badge('busy', cancelled ? 'stopping' : PHASES[phase]);
  const detail = verdict.detail === undefined ? '' : html` <span>${printable(verdict.detail)}</span>`;
  return html`${verdictBadge(verdict.verdict)}${detail}`;
}

function approvalNote(sync: string, code: string, expiresAt: string): Html {
  return html`<p class="notice">Plan <code>${code}</code> waits for its approval until ${moment(expiresAt)}.
    <a href="/approvals/${sync}">Look at the differences and decide</a></p>`;
}

/** In full while somebody has to decide, or where they are all that was asked for. */
function differences({ phase, plan, request }: SyncView): Html | string {
  if (plan === undefined || request.policy.verify === true) return '';
  if (phase === 'approval' || phase === 'planning' || request.policy.dryRun) return planSummary(plan);
  return html`<p><a href="/syncs/${request.sync}/differences">The differences by class and file</a></p>`;
}

const PHASES: Readonly<Record<SyncView['phase'], string>> = {
  inventory: 'taking stock',
  planning: 'comparing',
  approval: 'waiting for approval',
  applying: 'being applied',
  done: 'done',
};

/** Syncs that somebody looks at, more or less at the same time. */
const MOST_KEPT = 16;
