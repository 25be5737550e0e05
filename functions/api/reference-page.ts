import { html } from 'hono/html';
import type { ConsoleContext } from '../console/console-parts.ts';
import { type Html, page } from '../console/parts/layout.ts';
import { table } from '../console/parts/table.ts';
import { describeSchema, type SchemaShown } from './describe-schema.ts';

/** As far as the page shows it. */
export interface DescribedApi {
  readonly info: { readonly description?: string };
  readonly paths?: object;
  readonly components?: { readonly schemas?: object };
}

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: SchemaShown & { readonly default?: unknown; readonly minimum?: number; readonly maximum?: number };
}

type Content = Readonly<Record<string, { readonly schema?: SchemaShown }>>;

interface Shown extends Operation {
  readonly method: string;
  readonly path: string;
}

/** The description of the API, for people; server-side, as the console allows no script of others. */
export async function referencePage(context: ConsoleContext, api: DescribedApi): Promise<Response> {
  const operations = Object.entries(api.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({ ...operation, method, path })),
  );
  const groups = Map.groupBy<string, Shown>(operations, ({ tags }) => tags?.[0] ?? '');
  const schemas = Object.entries(api.components?.schemas ?? {}) as [string, SchemaShown][];
  const body = html`<h1>API</h1>
    <p>${api.info.description}</p>
    <p>A program sends a token, <code>Authorization: Bearer lockstep_…</code>: you make one on the page
      <a href="/access-tokens">Access tokens</a>. The same for programs: <a href="/api/openapi.json">openapi.json</a>.</p>
    ${[...groups].map(([group, shown]) => html`<h2>${group}</h2>${shown.map(operationSection)}`)}
    <h2>Documents</h2>
    ${schemas.map(([name, schema]) => schemaSection(name, schema))}`;
  return await page(context, { title: 'API', section: undefined, help: 'api', body });
}

function operationSection({
  description,
  method,
  parameters = [],
  path,
  requestBody,
  responses,
  summary,
}: Shown): Html {
  const sent = Object.values(requestBody?.content ?? {})[0]?.schema;
  return html`<h3><code>${method.toUpperCase()} /api${path}</code></h3>
    <p>${summary}</p>${description === undefined ? '' : html`<p>${description}</p>`}
    ${
      parameters.length === 0
        ? ''
        : table({
            caption: `Parameters of ${method.toUpperCase()} /api${path}`,
            columns: ['Name', 'Where', 'What', 'Unless told'],
            rows: parameters.map((one) => [
              html`<code>${one.name}</code>`,
              one.in,
              [one.description, limitsOf(one)].filter(Boolean).join(' '),
              one.schema.default === undefined || one.schema.default === '' ? '' : String(one.schema.default),
            ]),
            empty: '',
          })
    }
    ${sent === undefined ? '' : html`<p>Send ${schemaLink(sent)} as JSON.</p>`}
    <ul>${Object.entries(responses).map(([status, { content, description: said }]) => {
      const answered = Object.values(content ?? {})[0]?.schema;
      return html`<li><b>${status}</b> ${said} ${status < '400' && answered !== undefined ? schemaLink(answered) : ''}</li>`;
    })}</ul>`;
}

function limitsOf({ schema }: Parameter): string {
  const { enum: words, maximum, minimum } = schema;
  if (words !== undefined) return `One of ${words.map(String).join(', ')}.`;
  return maximum === undefined ? '' : `From ${minimum ?? 0} to ${maximum}.`;
}

function schemaLink(schema: SchemaShown): Html {
  const text = describeSchema(schema);
  return schema.$ref === undefined ? html`<code>${text}</code>` : html`<a href="#schema-${text}">${text}</a>`;
}

function schemaSection(name: string, schema: SchemaShown): Html {
  const said = schema.description === undefined ? '' : html`<p>${schema.description}</p>`;
  return html`<details id="schema-${name}"><summary>${name}</summary>${said}
    <div class="scroll" tabindex="0" role="region" aria-label="Document ${name}"><pre>${describeSchema(schema)}</pre></div></details>`;
}
