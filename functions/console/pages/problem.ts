import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ConsoleContext } from '../console-parts.ts';
import { plainPage } from '../parts/layout.ts';

/** What happened, and what to do about it. */
export function problemPage(
  context: ConsoleContext,
  status: ContentfulStatusCode,
  title: string,
  detail: string,
): Response | Promise<Response> {
  context.set('problem', `${title}: ${detail}`);
  return context.html(plainPage(title, html`<p>${detail}</p><p><a href="/">To the fleet</a></p>`), status);
}
