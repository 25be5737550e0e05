import { createMiddleware } from 'hono/factory';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from './console-parts.ts';

/** What was not decided is written down too, whoever refused it: who it was, about what, and why not. */
export function auditDecisions({ log }: Pick<ConsoleParts, 'log'>) {
  return createMiddleware<ConsoleEnvironment>(async (context, next) => {
    await next();
    const { status } = context.res;
    if (context.req.method !== 'POST' || status < 400) return;
    log('decision-refused', {
      // Nobody is known where the sign-in, or the look at where the form came from, refused.
      person: personOf(context),
      sync: (context.req.path.split('/')[2] ?? '').slice(0, LONGEST),
      plan: await planOf(context, status),
      status,
      reason: context.get('problem') ?? null,
      via: 'console',
    });
  });
}

function personOf(context: ConsoleContext): string | null {
  return context.get('session')?.person ?? null;
}

/** Nobody who is not signed in makes this read what he has sent. */
async function planOf(context: ConsoleContext, status: number): Promise<string | null> {
  if (personOf(context) === null || status === TOO_LARGE) return null;
  const { plan } = await context.req.parseBody();
  return typeof plan === 'string' ? plan.slice(0, LONGEST) : null;
}

const TOO_LARGE = 413;
const LONGEST = 64;
