import { randomUUID } from 'node:crypto';
import type { Hono } from 'hono';
import { getCookie } from 'hono/cookie';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Executions } from '#core/ports/workflow.ts';
import { createConsole } from '#functions/console/console.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts, SignIn } from '#functions/console/console-parts.ts';
import { problemPage } from '#functions/console/pages/problem.ts';
import type { RateLimits } from '#functions/console/rate-limits.ts';
import type { Role, Session } from '#functions/console/session.ts';

export const CONSOLE = 'https://lockstep.example.org';

/** Whoever a test says is signed in. */
class KnownPeople implements SignIn {
  readonly sessions = new Map<string, Session>();

  mount(): void {}

  async identify(context: ConsoleContext): Promise<Session | undefined> {
    return this.sessions.get(getCookie(context, 'session') ?? '');
  }

  refuse(context: ConsoleContext): Response | Promise<Response> {
    return problemPage(context, 401, 'Who are you?', 'Sign in first.');
  }
}

export interface ConsoleWorld {
  readonly store: ObjectStore;
  readonly controlKey: string;
  readonly now?: () => Date;
  readonly executions?: Executions;
  readonly origins?: readonly string[];
  readonly signIn?: SignIn;
  readonly addressOf?: ConsoleParts['addressOf'];
  readonly rateLimits?: RateLimits;
}

/** A console, the people who use it, and what it has logged. */
export class ConsoleUnderTest {
  readonly app: Hono<ConsoleEnvironment>;
  readonly logged: Record<string, unknown>[] = [];
  readonly #people = new KnownPeople();

  constructor(world: ConsoleWorld) {
    const { controlKey, executions = NO_EXECUTIONS, now = () => new Date(), origins = [CONSOLE], store } = world;
    const { addressOf, rateLimits, signIn = this.#people } = world;
    this.app = createConsole({
      store,
      now,
      controlKey: async () => controlKey,
      executions,
      signIn,
      origins,
      ...(addressOf && { addressOf }),
      ...(rateLimits && { rateLimits }),
      random: () => '0a1b2',
      log: (event, fields) => void this.logged.push({ event, ...fields }),
    });
  }

  signIn(...who: Parameters<ConsoleUnderTest['sessionOf']>): Browser {
    return new Browser(this.app, this.sessionOf(...who));
  }

  /** The id of a new session of his. */
  sessionOf(
    person: string,
    roles: readonly Role[] = ['viewer', 'operator', 'approver'],
    more: Partial<Pick<Session, 'groups' | 'method'>> = {},
  ): string {
    const [id, formKey] = [randomUUID(), randomUUID()];
    this.#people.sessions.set(id, { person, roles, groups: [], method: 'link', ...more, formKey });
    return id;
  }

  /** Nobody who asks is known any more. */
  endSessions(): void {
    this.#people.sessions.clear();
  }

  stranger(): Browser {
    return new Browser(this.app, undefined);
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export type Fields = Readonly<Record<string, string>>;

export interface Form {
  readonly action: string;
  readonly method: string;
  /** Those that would be sent if nothing is filled in. */
  readonly fields: Fields;
}

export class Browser {
  readonly #app: Hono<ConsoleEnvironment>;
  readonly #session: string | undefined;

  constructor(app: Hono<ConsoleEnvironment>, session: string | undefined) {
    this.#app = app;
    this.#session = session;
  }

  get cookie(): string {
    return `session=${this.#session ?? ''}`;
  }

  async get(path: string, init: RequestInit = {}): Promise<Answer> {
    return await this.#ask(path, init, {});
  }

  async post(path: string, fields: Fields | URLSearchParams, headers: Fields = { Origin: CONSOLE }): Promise<Answer> {
    return await this.#ask(path, { method: 'POST', body: new URLSearchParams(fields) }, headers);
  }

  /** Fills in the form of that page which leads back to it, and sends it. */
  async submit(path: string, filledIn: Fields): Promise<Answer> {
    const form = formsOf((await this.get(path)).text).find(({ action }) => action === path);
    if (form === undefined) throw new Error(`${path} shows no form`);
    return await this.post(path, { ...form.fields, ...filledIn });
  }

  /** The page that an answer leads to; the answer itself where it leads nowhere. */
  async follow(answer: Answer): Promise<Answer> {
    const location = answer.headers.get('Location');
    return answer.status === 303 && location !== null ? await this.get(location) : answer;
  }

  async #ask(path: string, init: RequestInit, more: Fields): Promise<Answer> {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(more)) headers.set(name, value);
    if (this.#session !== undefined) headers.set('Cookie', `session=${this.#session}`);
    const answer = await this.#app.request(new URL(path, CONSOLE).href, { ...init, headers });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  }
}

/** As a program finds them that sends every form it sees. */
export function formsOf(markup: string): Form[] {
  return [...markup.matchAll(/<form ([^>]*)>(.*?)<\/form>/gs)].map(([, attributes = '', inside = '']) => ({
    action: attributeOf(attributes, 'action') ?? '',
    method: attributeOf(attributes, 'method') ?? 'get',
    fields: Object.fromEntries(
      [...inside.matchAll(/<(?:input|button|textarea|select)\b([^>]*)>/g)]
        .map(([, field = '']) => field)
        .filter((field) => attributeOf(field, 'type') !== 'radio' || /\bchecked\b/.test(field))
        .flatMap((field) => {
          const name = attributeOf(field, 'name');
          return name === undefined ? [] : [[name, attributeOf(field, 'value') ?? '']];
        }),
    ),
  }));
}

function attributeOf(attributes: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
}

const NO_EXECUTIONS: Executions = { start: async () => undefined };
