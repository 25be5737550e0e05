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
    fleet file's <code>offline-seconds</code>. <b>In sync</b>, drifted or not in sync: as the last sync or verification that
    attempted the server has judged its receipt. The numbers lead to the servers that they count; of a large fleet the page
    shows the sites, and first the servers that somebody should look at.</p></section>
  <section id="sync"><h2>Sync</h2>
    <p>What each server is at. The page follows by itself; a closed browser stops nothing.</p>
    <p><b>Timing</b> shows how long each step has taken, and each wave and destination on a scale of their own: waiting for the
      agent, fetching, writing and proving. What happens at a server is timed by its own clock. <b>What happened</b> is told
      from the documents in the store: nothing is kept for this page alone.</p>
    <p><b>Receipts</b> are downloaded as the agents signed them, byte for byte. <b>Stop this sync</b> orders nothing more; a
      destination that is being written comes to its own end.</p></section>
  <section id="api"><h2>API and access tokens</h2>
    <p>What the console shows and does, programs can have as JSON: <a href="/api">the API</a> is described on a page of its own.
      A program brings a token, made on the page <a href="/access-tokens">Access tokens</a>, where your name leads. It acts in
      your name, with the roles that you gave it, until it expires or you revoke it. Whoever has it can do that: keep it as
      you keep a password.</p></section>
  <section id="refused"><h2>When something is refused</h2>
    <p>The page says what was refused and why. Nothing was done then, unless it says so. A page that has been open for long
      may hold an old form: load it again. A number of five letters and digits is found in the log by whoever runs Lockstep.</p></section>
  ${APPROVALS_HELP}
  ${WIZARD_HELP}`;
