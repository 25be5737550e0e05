import { Hono } from 'hono';
import { html, raw } from 'hono/html';
import { findVerdict } from '../../report/write-verdict.ts';
import type { ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { liveSync } from '../live-sync.ts';
import { observationsOf } from '../observations.ts';
import { parseSyncId } from '../parse-sync-id.ts';
import { page } from '../parts/layout.ts';
import { has, requireForm } from '../session.ts';
import { problemPage } from './problem.ts';
import { drawSync } from './sync-body.ts';
import { sendReceipts } from './sync-receipts.ts';
import { serversOfSync } from './sync-servers.ts';
import { stopForm, stopSync } from './sync-stop.ts';

/** One sync, while it goes on and afterwards. */
export function syncPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  const draw = drawSync(parts);
  const asks = parts.holdsAnswers === true ? html` data-asks` : '';

  app.get('/:sync', async (context) => {
    const view = await observationsOf(parts).look(parseSyncId(context.req.param('sync')));
    const { sync } = view.request;
    const live = view.phase === 'done' ? '' : html` data-live="/syncs/${sync}"${asks}`;
    const { formKey } = context.get('session');
    const mayStop = view.phase !== 'done' && !view.cancelled && has(context, 'operator');
    const body = html`<h1>Sync <code>${sync}</code></h1>
      <div id="live"${live}>${raw(await draw(view))}</div>
      ${mayStop ? stopForm(sync, formKey) : ''}`;
    return page(context, { title: `Sync ${sync}`, section: 'history', help: 'sync', body });
  });

  liveSync(app, parts, draw);
  serversOfSync(app, parts);

  app.get('/:sync/receipts.ndjson', async (context) => {
    const verdict = await findVerdict(parts.store, parseSyncId(context.req.param('sync')));
    if (verdict === undefined)
      return problemPage(context, 404, 'There are no receipts yet', 'They can be downloaded once the sync has ended.');
    return sendReceipts(context, parts.store, verdict);
  });

  app.post('/:sync/stop', requireForm('operator'), (context) =>
    stopSync(context, parts, parseSyncId(context.req.param('sync'))),
  );
  return app;
}
