import { Hono } from 'hono';
import { html } from 'hono/html';
import type { ConsoleEnvironment } from '../console-parts.ts';
import { page } from '../parts/layout.ts';
import { APPROVALS_HELP } from './help-of-approvals.ts';
import { WIZARD_HELP } from './help-of-wizard.ts';

export function helpPages(): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  app.get('/', (context) => page(context, { title: 'Help', section: 'help', help: 'help', body: HELP }));
  return app;
}

const HELP = html`<h1>Help</h1>
  <section id="fleet"><h2>Fleet</h2>
    <p>Every server that the fleet file names, by site. <b>Online</b>: its agent has written to the store within the
    fleet file's <code>offline-seconds</code>. The result is that of the last sync that named the server as destination.</p></section>
  <section id="sync"><h2>Sync</h2>
    <p>What each server is at. The page follows by itself; a closed browser stops nothing.</p></section>
  ${APPROVALS_HELP}
  ${WIZARD_HELP}`;
