import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ConsoleContext } from '../console-parts.ts';
import { page, plainPage } from '../parts/layout.ts';
import type { Session } from '../session.ts';

/** What happened, and what to do about it. */
export function problemPage(
  context: ConsoleContext,
  status: ContentfulStatusCode,
  title: string,
  detail: string,
): Response | Promise<Response> {
  context.set('problem', `${title}: ${detail}`);
  context.status(status);
  const said = html`<p class="notice problems">${detail}</p><p><a href="/">To the fleet</a></p>`;
  // It may have been refused before anybody knew who asks.
  const session = context.get('session') as Session | undefined;
  if (session === undefined) return context.html(plainPage(title, said));
  return page(context, { title, section: undefined, help: 'refused', body: html`<h1>${title}</h1>${said}` });
}
