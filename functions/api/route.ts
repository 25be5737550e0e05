import { createRoute, OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { z } from 'zod';
import { BadInput } from '#core/errors.ts';
import type { ConsoleEnvironment } from '../console/console-parts.ts';

export type Api = OpenAPIHono<ConsoleEnvironment>;

/** What cannot be what the route asks for is BadInput that names the first place where it is not. */
export function newApi(): Api {
  return new OpenAPIHono<ConsoleEnvironment>({
    defaultHook: (result) => {
      if (!result.success) throw new BadInput(describe(result.target, result.error), { cause: result.error });
    },
  });
}

/** Open to every caller that is known, by token or by session. */
export function route<const R extends Omit<RouteConfig, 'security'>>(config: R) {
  return createRoute({ ...config, security: [{ token: [] }, { session: [] }] });
}

/** The answer of a route, and its one example of a 2xx. */
export function answer<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { 'application/json': { schema } } };
}

function describe(target: string, { issues }: z.core.$ZodError): string {
  const [issue] = issues;
  const where = [target, ...(issue?.path ?? [])].map(String).join('.');
  return `${where}: ${issue?.message ?? 'unknown problem'}; /api/openapi.json says what is expected`;
}
