import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { getCookie } from 'hono/cookie';
import { onTestFinished } from 'vitest';
import type { AccessRole } from '#core/access-token.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Executions } from '#core/ports/workflow.ts';
import { createAccessToken } from '#functions/access-tokens.ts';
import { createConsole } from '#functions/console/console.ts';
import type { ConsoleContext, SignIn } from '#functions/console/console-parts.ts';
import type { Session } from '#functions/console/session.ts';

export interface ApiWorld {
  readonly store: ObjectStore;
  readonly controlKey: string;
  readonly executions?: Executions;
  readonly now?: () => Date;
  readonly holdsAnswers?: true;
}

export interface ApiAnswer {
  readonly status: number;
  readonly type: string;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it, it says itself
  readonly body: any;
}

export interface ApiQuestion {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

const ALL_ROLES: readonly AccessRole[] = ['viewer', 'operator', 'approver'];

/** A console with its API at an address of this machine, for programs that speak real HTTP. */
export class ServedApi {
  readonly url: string;
  readonly logged: Record<string, unknown>[] = [];
  readonly #world: ApiWorld;
  readonly #sessions = new Map<string, Session>();

  private constructor(url: string, world: ApiWorld) {
    this.url = url;
    this.#world = world;
  }

  static async serve(world: ApiWorld): Promise<ServedApi> {
    let listener: ReturnType<typeof getRequestListener> | undefined;
    const server = createServer((request, response) => void listener?.(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const served = new ServedApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, world);
    listener = getRequestListener(served.#console().fetch);
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return served;
  }

  async token(person: string, roles: readonly AccessRole[] = ALL_ROLES, days = 1): Promise<string> {
    const { now = () => new Date(), store } = this.#world;
    const made = await createAccessToken({ store, now }, { person, roles: ALL_ROLES }, { name: 'test', roles, days });
    return made.text;
  }

  /** What a browser that is signed in as this person holds. */
  session(
    person: string,
    roles: readonly AccessRole[] = ALL_ROLES,
  ): { readonly cookie: string; readonly formKey: string } {
    const [id, formKey] = [randomUUID(), randomUUID()];
    this.#sessions.set(id, { person, roles, groups: [], method: 'link', formKey });
    return { cookie: `session=${id}`, formKey };
  }

  async ask(path: string, { body, headers = {}, method, token }: ApiQuestion = {}): Promise<ApiAnswer> {
    const answer = await fetch(new URL(path, this.url), {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      redirect: 'manual',
    });
    const text = await answer.text();
    const type = answer.headers.get('Content-Type') ?? '';
    return {
      status: answer.status,
      type,
      headers: answer.headers,
      text,
      body: type.includes('json') && text !== '' ? JSON.parse(text) : undefined,
    };
  }

  #console() {
    const { controlKey, executions = { start: async () => undefined }, now = () => new Date(), store } = this.#world;
    const signIn: SignIn = {
      mount: () => undefined,
      identify: async (context: ConsoleContext) => this.#sessions.get(getCookie(context, 'session') ?? ''),
      refuse: (context) => context.text('Sign in first.', 401),
    };
    return createConsole({
      ...{ store, executions, now, signIn, origins: [this.url] },
      ...(this.#world.holdsAnswers && { holdsAnswers: true }),
      controlKey: async () => controlKey,
      random: () => '0a1b2',
      log: (event, fields) => void this.logged.push({ event, ...fields }),
    });
  }
}
