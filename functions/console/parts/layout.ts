import { html } from 'hono/html';
import { assetPath } from '../assets.ts';
import type { ConsoleContext } from '../console-parts.ts';
import type { Session } from '../session.ts';

/** Of hono/html: everything put into it is escaped, but for what is Html already. */
export type Html = ReturnType<typeof html>;

export type Section = 'fleet' | 'synchronize' | 'approvals' | 'history' | 'help';

export interface Page {
  readonly title: string;
  /** None for a page that says what went wrong. */
  readonly section: Section | undefined;
  /** Which part of the help F1 opens. */
  readonly help: string;
  readonly body: Html;
}

/** A whole page for somebody who is signed in. */
export function page(context: ConsoleContext, shown: Page): Response | Promise<Response> {
  return context.html(frame(shown.title, header(shown, context.get('session')), shown.body));
}

/** For somebody who is not. */
export function plainPage(title: string, body: Html): Html {
  return frame(
    title,
    html`<header><span class="brand">${LOGO}Lockstep</span></header>`,
    html`<h1>${title}</h1>${body}`,
  );
}

function frame(title: string, top: Html, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title} · Lockstep</title>
    <link rel="stylesheet" href="${assetPath('console.css')}">
    <link rel="icon" href="${assetPath('icon.svg')}">
    <script type="module" src="${assetPath('console.js')}"></script>
  </head>
  <body>
    <a class="skip" href="#main">To the content</a>
    ${top}
    <main id="main" tabindex="-1">${body}</main>
  </body>
</html>`;
}

function header({ help, section }: Page, { formKey, person, roles }: Session): Html {
  const link = ([id, path, title]: (typeof SECTIONS)[number]) =>
    html`<li><a href="${path}"${id === section ? html` aria-current="page"` : ''}>${title}</a></li>`;
  return html`<header>
      <a class="brand" href="/">${LOGO}Lockstep</a>
      <nav aria-label="Console"><ul>${SECTIONS.map(link)}</ul></nav>
      <a id="help" href="/help#${help}" title="F1 opens it too">Help <kbd>F1</kbd></a>
      <form method="post" action="/leave" class="person">
        <input type="hidden" name="formKey" value="${formKey}">
        <a href="/access-tokens" aria-label="${person}: access tokens"><span title="${roles.join(', ')}">${person}</span></a> <button class="quiet">Sign out</button>
      </form>
    </header>`;
}

/** The name beside it says what it shows. */
const LOGO = html`<svg aria-hidden="true" focusable="false" width="22" height="22" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5cad"/><path d="M7 11h18M7 21h18" stroke="#fff" stroke-width="4" stroke-linecap="round"/></svg>`;

const SECTIONS = [
  ['fleet', '/', 'Fleet'],
  ['synchronize', '/synchronize', 'Synchronize Configurations'],
  ['approvals', '/approvals', 'Approvals'],
  ['history', '/history', 'History'],
] as const satisfies readonly (readonly [Section, string, string])[];
