import { randomBytes } from 'node:crypto';
import type { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { html } from 'hono/html';
import type { ConsoleContext, ConsoleEnvironment, SignIn } from '../console-parts.ts';
import { problemPage } from '../pages/problem.ts';
import { plainPage } from '../parts/layout.ts';
import type { Session } from '../session.ts';

/**
 * For the console on one's own machine: whoever can read the terminal, or the state folder, gets the link. It works
 * once; a page in between has to be confirmed, so that nothing which only follows links uses it up.
 */
export class OneTimeLink implements SignIn {
  readonly #person: string;
  readonly #sessions = new Map<string, Session>();
  readonly #publish: (path: string) => Promise<void>;
  #key: string | undefined;

  /** `publish` keeps the path of the link that is good now where only this person finds it. */
  constructor(person: string, publish: (path: string) => Promise<void>) {
    this.#person = person;
    this.#publish = publish;
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
    app.post('/leave', (context) => {
      this.#sessions.delete(getCookie(context, COOKIE) ?? '');
      deleteCookie(context, COOKIE);
      return context.redirect('/', 303);
    });
  }

  async identify(context: ConsoleContext): Promise<Session | undefined> {
    return this.#sessions.get(getCookie(context, COOKIE) ?? '');
  }

  refuse(context: ConsoleContext): Response | Promise<Response> {
    return problemPage(
      context,
      401,
      'Who are you?',
      'This console opens with a link that works once: lockstep up printed one, and lockstep console prints another.',
    );
  }

  #fits(context: ConsoleContext): boolean {
    return this.#key !== undefined && context.req.param('key') === this.#key;
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
    const id = randomBytes(24).toString('base64url');
    this.#sessions.set(id, {
      person: this.#person,
      roles: ['viewer', 'operator', 'approver'],
      formKey: randomBytes(24).toString('base64url'),
    });
    // Lax: a link in a mail leads here from elsewhere.
    setCookie(context, COOKIE, id, { httpOnly: true, sameSite: 'Lax', path: '/', maxAge: SESSION_SECONDS });
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

const COOKIE = 'lockstep-session';
const SESSION_SECONDS = 12 * 3600;
