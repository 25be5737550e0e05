import { timingSafeEqual } from 'node:crypto';
import { createMiddleware } from 'hono/factory';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from './console-parts.ts';
import { problemPage } from './pages/problem.ts';

/** viewer: looks; operator: starts and stops syncs; approver: decides on plans. */
export type Role = 'viewer' | 'operator' | 'approver';

export interface Session {
  /** As a vote names him. */
  readonly person: string;
  readonly roles: readonly Role[];
  /** Said again by every form, which another site cannot read. */
  readonly formKey: string;
}

export function requireSession({ signIn }: Pick<ConsoleParts, 'signIn'>) {
  return createMiddleware<ConsoleEnvironment>(async (context, next) => {
    const session = await signIn.identify(context);
    if (session === undefined) return signIn.refuse(context);
    context.set('session', session);
    // What one person sees is for no cache that others share.
    context.header('Cache-Control', 'no-store');
    await next();
    return undefined;
  });
}

/** Before everything that changes something: the role, and a form that this console showed to this session. */
export function requireForm(role: Role) {
  return createMiddleware<ConsoleEnvironment>(async (context, next) => {
    const { formKey, person, roles } = context.get('session');
    if (!roles.includes(role))
      return problemPage(
        context,
        403,
        'You may not do this',
        `${person} is no ${role}; ask whoever gives out the roles.`,
      );
    const said = (await context.req.parseBody()).formKey;
    if (typeof said !== 'string' || !isSame(said, formKey))
      return problemPage(
        context,
        403,
        'This form is not one that was shown to you',
        'Nothing was done. Go back, load the page again, and send the form from there.',
      );
    await next();
    return undefined;
  });
}

export function has(context: ConsoleContext, role: Role): boolean {
  return context.get('session').roles.includes(role);
}

function isSame(said: string, expected: string): boolean {
  const [a, b] = [Buffer.from(said), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
