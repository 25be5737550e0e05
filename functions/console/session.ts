import { timingSafeEqual } from 'node:crypto';
import { createMiddleware } from 'hono/factory';
import * as z from 'zod';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from './console-parts.ts';
import { problemPage } from './pages/problem.ts';
import type { RateLimiter } from './rate-limits.ts';

/** viewer: looks; operator: starts and stops syncs; approver: decides on plans. */
const roleSchema = z.enum(['viewer', 'operator', 'approver']);

export type Role = z.infer<typeof roleSchema>;

export const sessionSchema = z.strictObject({
  /** As a vote names him. */
  person: z.string().min(1).max(200),
  roles: z.array(roleSchema).readonly(),
  /** As whoever signed him in names them; an approval may ask for one. */
  groups: z.array(z.string()).readonly(),
  method: z.enum(['link', 'oidc', 'token']),
  /** Said again by every form, which another site cannot read. */
  formKey: z.string(),
});

export type Session = Readonly<z.infer<typeof sessionSchema>>;

export function requireSession({ signIn }: Pick<ConsoleParts, 'signIn'>, limiter: RateLimiter) {
  return createMiddleware<ConsoleEnvironment>(async (context, next) => {
    const session = await signIn.identify(context);
    if (session === undefined) return (await limiter.refuseStranger(context)) ?? signIn.refuse(context);
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
    const session = context.get('session');
    const { person, roles } = session;
    if (!roles.includes(role))
      return problemPage(
        context,
        403,
        'You may not do this',
        `${person} is no ${role}; ask whoever gives out the roles.`,
      );
    if (!(await isForm(context, session)))
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

/** Whether what was sent is a form that was shown to this session. */
export async function isForm(context: ConsoleContext, { formKey }: Session): Promise<boolean> {
  const said = (await context.req.parseBody()).formKey;
  return typeof said === 'string' && isSame(said, formKey);
}

export function has(context: ConsoleContext, role: Role): boolean {
  return context.get('session').roles.includes(role);
}

export function isSame(said: string, expected: string): boolean {
  const [a, b] = [Buffer.from(said), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
