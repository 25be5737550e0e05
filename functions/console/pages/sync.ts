import { Hono } from 'hono';
import { html } from 'hono/html';
import { streamSSE } from 'hono/streaming';
import { shortCode } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import { lookAtSync, observeSync, type ServerView, type SyncView } from '../../observe/observe-sync.ts';
import type { ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { parseSyncId } from '../parse-sync-id.ts';
import { type Html, page } from '../parts/layout.ts';
import { stepOf, steps } from '../parts/steps.ts';
import { table } from '../parts/table.ts';
import { badge, bytes, count, moment, verdictBadge } from '../parts/words.ts';
import { planSummary } from './plan-summary.ts';

/** One sync, while it goes on and afterwards. */
export function syncPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  const look = async (sync: string, signal: AbortSignal) =>
    await lookAtSync(parts.store, parseSyncId(sync), { signal, controlKey: await parts.controlKey() });

  app.get('/:sync', async (context) => {
    const view = await look(context.req.param('sync'), context.req.raw.signal);
    const { sync } = view.request;
    const live = view.phase === 'done' ? '' : html` data-live="/syncs/${sync}"`;
    const body = html`<h1>Sync <code>${sync}</code></h1><div id="live" aria-live="polite"${live}>${syncBody(view)}</div>`;
    return page(context, { title: `Sync ${sync}`, section: 'history', help: 'sync', body });
  });

  /** For a platform, or a proxy, that holds streams back. */
  app.get('/:sync/now', async (context) => {
    const view = await look(context.req.param('sync'), context.req.raw.signal);
    context.header('Lockstep-Phase', view.phase);
    return context.html(syncBody(view));
  });

  app.get('/:sync/events', async (context) => {
    const sync = parseSyncId(context.req.param('sync'));
    const controlKey = await parts.controlKey();
    return streamSSE(context, async (stream) => {
      const stopping = new AbortController();
      stream.onAbort(() => stopping.abort());
      let last = '';
      try {
        for await (const view of observeSync(parts.store, sync, {
          signal: stopping.signal,
          pollMilliseconds: LOOK_MILLISECONDS,
          controlKey,
        })) {
          const data = String(await syncBody(view));
          if (data !== last) await stream.writeSSE({ event: 'view', data });
          last = data;
        }
        await stream.writeSSE({ event: 'done', data: '' });
      } catch (error) {
        if (!stopping.signal.aborted) throw error;
      }
    });
  });
  return app;
}

function syncBody(view: SyncView): Html {
  const { request } = view;
  return html`${request.policy.verify === true ? '' : steps(stepOf(view.phase))}
    <p>${stateOf(view)} from ${request.source} to ${count(request.destinations.length, 'destination')},
      mode ${request.policy.mode}, asked for by ${printable(request.requestedBy)} at ${moment(request.requestedAt)}.</p>
    ${view.phase === 'approval' && view.plan ? approvalNote(view.plan.sync, shortCode(view.plan.digest), view.plan.expiresAt) : ''}
    ${differences(view)}
    ${progressOrResult(view)}`;
}

/** Nobody is at work while people decide. */
function progressOrResult({ phase, servers, verdict }: SyncView): Html | string {
  if (verdict !== undefined) return resultTable(verdict);
  return phase === 'approval' ? '' : progressTable(servers);
}

/** In full while somebody has to decide, or where they are all that was asked for. */
function differences({ phase, plan, request }: SyncView): Html | string {
  if (plan === undefined || request.policy.verify === true) return '';
  if (phase === 'approval' || phase === 'planning' || request.policy.dryRun) return planSummary(plan);
  return html`<p><a href="/syncs/${request.sync}/differences">The differences by class and file</a></p>`;
}

function approvalNote(sync: string, code: string, expiresAt: string): Html {
  return html`<p class="notice">Plan <code>${code}</code> waits for its approval until ${moment(expiresAt)}.
    <a href="/approvals/${sync}">Look at the differences and decide</a></p>`;
}

function stateOf({ cancelled, phase, verdict }: SyncView): Html {
  if (verdict !== undefined) return verdictBadge(verdict.verdict);
  return badge('busy', cancelled ? 'stopping' : PHASES[phase]);
}

function progressTable(servers: readonly ServerView[]): Html {
  return table({
    caption: 'Synchronization Progress',
    columns: ['Server', 'State', 'Done'],
    rows: servers.slice(0, MOST_ROWS).map((one) => [one.server, describe(one), meter(one)]),
    empty: 'No server is at work at this moment.',
  });
}

function describe({ progress, receipt }: ServerView): Html | string {
  if (receipt !== undefined)
    return badge(
      receipt.outcome === 'DONE' || receipt.outcome === 'SUCCEEDED' ? 'good' : 'bad',
      receipt.outcome.toLowerCase(),
    );
  return progress === undefined ? 'waiting for its agent' : printable(progress.stage);
}

function meter({ progress, receipt, server }: ServerView): Html | string {
  if (receipt !== undefined) return '';
  if (progress === undefined) return '';
  const { bytesDone, bytesTotal, filesDone, filesTotal } = progress;
  const [done, total] = bytesTotal > 0 ? [bytesDone, bytesTotal] : [filesDone, filesTotal];
  const text = bytesTotal > 0 ? `${bytes(bytesDone)} of ${bytes(bytesTotal)}` : `${filesDone} of ${filesTotal} files`;
  return html`<progress aria-label="${server}" max="${Math.max(1, total)}" value="${Math.min(done, total)}"></progress> ${text}`;
}

function resultTable(verdict: NonNullable<SyncView['verdict']>): Html {
  return html`${verdict.detail === undefined ? '' : html`<p>${printable(verdict.detail)}</p>`}
    ${table({
      caption: 'Synchronization Result',
      columns: ['Server', 'Result', 'Created', 'Updated', 'Removed', 'Fetched', 'Why'],
      rows: verdict.destinations
        .slice(0, MOST_ROWS)
        .map(({ bytesFetched, changes, detail, reason, server, verdict: word }) => [
          server,
          verdictBadge(word),
          changes.create,
          changes.update,
          changes.remove,
          bytes(bytesFetched),
          [reason, detail]
            .filter((text) => text !== undefined)
            .map(printable)
            .join(': '),
        ]),
      empty: 'No destination is named.',
    })}`;
}

const PHASES: Readonly<Record<SyncView['phase'], string>> = {
  inventory: 'taking stock',
  planning: 'comparing',
  approval: 'waiting for approval',
  applying: 'being applied',
  done: 'done',
};

const LOOK_MILLISECONDS = 500;
const MOST_ROWS = 200;
