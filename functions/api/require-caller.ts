import { createMiddleware } from 'hono/factory';
import type { AccessRole } from '#core/access-token.ts';
import { findAccessToken } from '../access-tokens.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console/console-parts.ts';
import { isSame, type Session } from '../console/session.ts';
import { problemJson } from './problem.ts';

export const FORM_KEY_HEADER = 'X-Lockstep-Form-Key';

/**
 * A token that was given is the only thing that counts. With the cookie of a browser, whatever changes something has to
 * bring the form key as well: a page from elsewhere can send the cookie along, but cannot read the key.
 */
export function requireCaller(parts: Pick<ConsoleParts, 'now' | 'signIn' | 'store'>) {
  return createMiddleware<ConsoleEnvironment>(async (context, next) => {
    context.header('Cache-Control', 'no-store');
    const given = context.req.header('Authorization');
    const session = given === undefined ? await parts.signIn.identify(context) : await byToken(parts, given);
    if (session === undefined) return refuse(context, given !== undefined);
    context.set('session', session);
    if (session.method !== 'token' && !isSafe(context) && !hasFormKey(context, session))
      return problemJson(context, {
        status: 403,
        title: 'This was not sent by a page that was shown to you',
        detail: `Nothing was done. With a session, send its form key (GET /api/v1/me) in the header ${FORM_KEY_HEADER}; programs use a token.`,
      });
    await next();
    return undefined;
  });
}

export function requireRole(role: AccessRole) {
  return createMiddleware<ConsoleEnvironment>(async (context, next) => {
    const { method, person, roles } = context.get('session');
    if (!roles.includes(role)) {
      const who = method === 'token' ? `this token of ${person}` : person;
      const way =
        method === 'token' ? 'make a token with that role, if you have it' : 'ask whoever gives out the roles';
      return problemJson(context, {
        status: 403,
        title: 'You may not do this',
        detail: `It takes the role ${role}, which ${who} has not: ${way}.`,
      });
    }
    await next();
    return undefined;
  });
}

async function byToken(parts: Pick<ConsoleParts, 'now' | 'store'>, given: string): Promise<Session | undefined> {
  const text = /^Bearer +(\S+) *$/i.exec(given)?.[1];
  const token = text === undefined ? undefined : await findAccessToken(parts, text);
  return token && { person: token.person, roles: token.roles, groups: [], method: 'token', formKey: '' };
}

function refuse(context: ConsoleContext, hasToken: boolean): Response {
  context.header('WWW-Authenticate', `Bearer realm="lockstep"${hasToken ? ', error="invalid_token"' : ''}`);
  return problemJson(context, {
    status: 401,
    title: hasToken ? 'This token is not good' : 'Who are you?',
    detail: hasToken
      ? 'It is unknown, was revoked, or has expired: make another on the page Access tokens of the console, or with lockstep token create.'
      : 'Send a token as "Authorization: Bearer lockstep_…": the page Access tokens of the console makes one.',
  });
}

function isSafe({ req }: ConsoleContext): boolean {
  return req.method === 'GET' || req.method === 'HEAD';
}

function hasFormKey({ req }: ConsoleContext, { formKey }: Session): boolean {
  return formKey !== '' && isSame(req.header(FORM_KEY_HEADER) ?? '', formKey);
}
