import { createMiddleware } from 'hono/factory';
import type { ConsoleEnvironment, ConsoleParts } from './console-parts.ts';

/**
 * Under any other name than its own the console answers nothing: a page from elsewhere, whose name is made to lead to
 * this address, would else be of one origin with it.
 */
export function requireKnownHost({ origins }: Pick<ConsoleParts, 'origins'>) {
  const hosts = new Set(origins.map((origin) => new URL(origin).host));
  return createMiddleware<ConsoleEnvironment>(async (context, next) => {
    const host = context.req.header('Host') ?? new URL(context.req.url).host;
    if (!hosts.has(host.toLowerCase()))
      return context.text(`The console is not found under this name. It is at ${origins[0]}\n`, 421);
    await next();
    return undefined;
  });
}
