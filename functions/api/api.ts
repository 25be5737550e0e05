import type { ConsoleParts } from '../console/console-parts.ts';
import { callerSchema } from './documents.ts';
import { answerError, problemJson, problems } from './problem.ts';
import { referencePage } from './reference-page.ts';
import { FORM_KEY_HEADER, requireCaller } from './require-caller.ts';
import { type Api, answer, newApi, route } from './route.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { planRoutes } from './routes/plans.ts';
import { serverRoutes } from './routes/servers.ts';
import { syncRoutes } from './routes/syncs.ts';

/** What the pages show, for programs: below `/api`, with its own description. */
export function apiRoutes(parts: ConsoleParts): Api {
  const api = newApi();
  api.onError(answerError(parts));
  api.use(requireCaller(parts));
  api.openapi(callerRoute, (context) => {
    const { formKey, groups, method, person, roles } = context.get('session');
    const known = { person, roles: [...roles], groups: [...groups], method };
    return context.json(method === 'token' ? known : { ...known, formKey }, 200);
  });
  for (const routes of [serverRoutes(parts), syncRoutes(parts), planRoutes(parts), approvalRoutes(parts)])
    api.route('/v1', routes);
  api.get('/openapi.json', (context) => context.json(describeApi(api)));
  api.get('/', (context) => referencePage(context, describeApi(api)));
  api.all('*', (context) =>
    problemJson(context, {
      status: 404,
      title: 'There is no such address',
      detail: 'GET /api/openapi.json describes those that there are, and with which methods.',
    }),
  );
  return api;
}

function describeApi(api: Api) {
  api.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token made on the page Access tokens, or by `lockstep token create`.',
  });
  api.openAPIRegistry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'header',
    name: FORM_KEY_HEADER,
    description: `A browser's session cookie; whatever changes something also needs the session's form key in ${FORM_KEY_HEADER}.`,
  });
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Lockstep', version: '1', description: DESCRIPTION },
    servers: [{ url: '/api' }],
  });
}

const DESCRIPTION =
  'What the console shows and does, for programs. Answers are JSON; what goes wrong is application/problem+json (RFC 9457). ' +
  'Lists are paged: what an answer calls next leads to the next page.';

const callerRoute = route({
  method: 'get',
  path: '/v1/me',
  tags: ['You'],
  summary: 'As whom the console knows you, and what you may do',
  responses: { 200: answer('You.', callerSchema), ...problems() },
});
