import { Hono } from 'hono';
import { csrf } from 'hono/csrf';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import { BadInput, DecisionRefused, InvalidDocument } from '#core/errors.ts';
import { printable } from '#core/printable.ts';
import { apiRoutes } from '../api/api.ts';
import { serveAsset } from './assets.ts';
import type { ConsoleEnvironment, ConsoleParts } from './console-parts.ts';
import { keepAudit } from './keep-audit.ts';
import { accessTokenPages } from './pages/access-tokens.ts';
import { approvalPages } from './pages/approvals.ts';
import { differencesPages } from './pages/differences.ts';
import { fleetPages } from './pages/fleet.ts';
import { helpPages } from './pages/help.ts';
import { historyPages } from './pages/history.ts';
import { problemPage } from './pages/problem.ts';
import { serverPages } from './pages/servers.ts';
import { syncPages } from './pages/sync.ts';
import { synchronizePages } from './pages/synchronize.ts';
import { pathForLog } from './path-for-log.ts';
import { RateLimiter } from './rate-limits.ts';
import { requireKnownHost } from './require-known-host.ts';
import { requireSession } from './session.ts';

/** The web app: the same on Lambda and on Node. GET shows and never decides. */
export function createConsole(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  const limiter = new RateLimiter(parts);
  app.use(
    secureHeaders({
      contentSecurityPolicy: CONTENT_SECURITY_POLICY,
      referrerPolicy: 'same-origin',
      xFrameOptions: 'DENY',
    }),
  );
  app.use(requireKnownHost(parts));
  app.get('/assets/:name', serveAsset);
  app.use(keepAudit(parts));
  app.use('/api/*', limiter.programs());
  app.route('/api', apiRoutes(parts));
  // Of the addresses by which browsers know the console: behind a proxy a request itself names another.
  app.use(csrf({ origin: [...parts.origins] }));
  for (const path of ['/sign-in/*', '/enter/*', '/signed-out']) app.use(path, limiter.signIns());
  parts.signIn.mount(app);
  app.use(requireSession(parts, limiter));
  app.use(limiter.people());
  app.route('/', fleetPages(parts));
  app.route('/syncs', syncPages(parts));
  app.route('/syncs', differencesPages(parts));
  app.route('/synchronize', synchronizePages(parts));
  app.route('/servers', serverPages(parts));
  app.route('/history', historyPages(parts));
  app.route('/approvals', approvalPages(parts));
  app.route('/access-tokens', accessTokenPages(parts));
  app.route('/help', helpPages());
  app.notFound((context) =>
    problemPage(context, 404, 'There is no such page', 'The address may be mistyped, or what it names is gone.'),
  );
  app.onError((error, context) => {
    const id = parts.random();
    const [status, title] = sort(error);
    parts.log('console-problem', {
      id,
      status,
      path: pathForLog(context.req.path),
      name: error.name,
      message: error.message,
    });
    const detail = explain(error, status, id);
    return problemPage(context, status, title, detail);
  });
  return app;
}

function sort(error: Error): readonly [400 | 403 | 409 | 500 | 502, string] {
  if (isFromElsewhere(error)) return [403, 'This form was sent from elsewhere'];
  if (error instanceof BadInput) return [400, 'That cannot be done'];
  if (error instanceof DecisionRefused) return [409, 'The decision was not taken'];
  if (error instanceof InvalidDocument) return [502, 'What the store holds cannot be believed'];
  return [500, 'Something went wrong here'];
}

function explain(error: Error, status: number, id: string): string {
  if (isFromElsewhere(error)) return 'Nothing was done. Open the console, and send the form from there.';
  return status === 500 ? `Somebody who can read the log finds it there as ${id}.` : printable(error.message);
}

/** As `csrf` refuses it. */
function isFromElsewhere(error: Error): boolean {
  return error instanceof HTTPException && error.status === 403;
}

/** No inline script, no inline style, nothing from elsewhere. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  connectSrc: ["'self'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
  imgSrc: ["'self'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
};
