import { randomBytes } from 'node:crypto';
import type { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { html } from 'hono/html';
import type { ConsoleContext, ConsoleEnvironment, SignIn } from '../console-parts.ts';
import { problemPage } from '../pages/problem.ts';
import { plainPage } from '../parts/layout.ts';
import { isForm, isSame, type Session } from '../session.ts';
import { askedFor } from './asked-for.ts';
import { localPath } from './local-path.ts';
import { Sessions } from './sessions.ts';

export interface OneTimeLinkParts {
  readonly person: string;
  /** Keeps the path of the link that is good now where only this person finds it. */
  readonly publish: (path: string) => Promise<void>;
  readonly sessionHours: number;
  readonly now: () => Date;
}

/**
 * For the console on one's own machine: whoever can read the terminal, or the state folder, gets the link. It works
 * once; a page in between has to be confirmed, so that nothing which only follows links uses it up.
 */
export class OneTimeLink implements SignIn {
  readonly #person: string;
  readonly #sessions: Sessions;
  readonly #publish: (path: string) => Promise<void>;
  #key: string | undefined;

  constructor({ now, person, publish, sessionHours }: OneTimeLinkParts) {
    this.#person = person;
    this.#publish = publish;
    // The key dies with the process, and with it whatever was begun there.
    const key = randomBytes(32);
    this.#sessions = new Sessions({ key, scope: 'link', isSecure: false, seconds: sessionHours * 3600, now });
  }

  /** Path of a new link; the former one, if unused, is void. */
  async renew(): Promise<string> {
    this.#key = randomBytes(24).toString('base64url');
    const path = `/enter/${this.#key}`;
    await this.#publish(path);
    return path;
  }

  mount(app: Hono<ConsoleEnvironment>): void {
    app.get('/enter/:key', (context) => (this.#fits(context) ? this.#ask(context) : refuse(context)));
    app.post('/enter/:key', (context) => (this.#fits(context) ? this.#enter(context) : refuse(context)));
    app.post('/leave', (context) => this.#leave(context));
  }

  async identify(context: ConsoleContext): Promise<Session | undefined> {
    const session = await this.#sessions.find(context);
    return session === 'expired' ? undefined : session;
  }

  async refuse(context: ConsoleContext): Promise<Response> {
    // Lax: whoever followed a link in a mail wanted to see that page.
    setCookie(context, ASKED_FOR, askedFor(context), { ...ATTRIBUTES, maxAge: ASKED_FOR_SECONDS });
    const title = (await this.#sessions.find(context)) === 'expired' ? 'Your session has ended' : 'Who are you?';
    return await problemPage(
      context,
      401,
      title,
      'This console opens with a link that works once: lockstep up printed one, and lockstep console prints another. It leads back to this page.',
    );
  }

  #fits(context: ConsoleContext): boolean {
    return this.#key !== undefined && isSame(context.req.param('key') ?? '', this.#key);
  }

  #ask(context: ConsoleContext): Response | Promise<Response> {
    return context.html(
      plainPage(
        'Open the console',
        html`<form method="post" action="${context.req.path}">
          <p>This opens the console on this browser, as ${this.#person}. The link works once.</p>
          <button class="primary">Open the console</button>
        </form>`,
      ),
    );
  }

  async #enter(context: ConsoleContext): Promise<Response> {
    await this.renew();
    const person = this.#person;
    await this.#sessions.begin(context, { person, roles: [...ROLES], groups: [], method: 'link' });
    await context.get('audit')({ event: 'sign-in', person, method: 'link', roles: [...ROLES] });
    const back = localPath(getCookie(context, ASKED_FOR));
    deleteCookie(context, ASKED_FOR, ATTRIBUTES);
    return context.redirect(back, 303);
  }

  async #leave(context: ConsoleContext): Promise<Response> {
    const session = await this.identify(context);
    if (session !== undefined) context.set('session', session);
    if (session !== undefined && !(await isForm(context, session)))
      return await problemPage(context, 403, 'You are still signed in', 'That was not sent by a page of yours.');
    this.#sessions.end(context);
    if (session !== undefined) await context.get('audit')({ event: 'sign-out' });
    return context.redirect('/', 303);
  }
}

function refuse(context: ConsoleContext): Response | Promise<Response> {
  return problemPage(
    context,
    410,
    'This link has been used, or is not the newest',
    'It works once. lockstep console prints another.',
  );
}

const ROLES = ['viewer', 'operator', 'approver'] as const;
const ASKED_FOR = 'lockstep-asked-for';
const ASKED_FOR_SECONDS = 3600;
const ATTRIBUTES = { httpOnly: true, sameSite: 'Lax', path: '/' } as const;
