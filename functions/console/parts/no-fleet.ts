import { html } from 'hono/html';
import type { Html } from './layout.ts';

/** What a page shows that is about servers, while there are none. */
export function noFleet(title: string): Html {
  return html`<h1>${title}</h1>
    <p class="empty">No server is known yet. Write the servers into <code>fleet.yaml</code> and start the controller with
    <code>lockstep up --config fleet.yaml</code>; then install an agent on each server with <code>lockstep-agent enroll</code>.</p>`;
}
