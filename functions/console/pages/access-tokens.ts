import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { html } from 'hono/html';
import * as z from 'zod';
import { accessRoleSchema, MOST_TOKEN_DAYS } from '#core/access-token.ts';
import { BadInput } from '#core/errors.ts';
import { printable } from '#core/printable.ts';
import { createAccessToken, type ListedToken, listAccessTokens, revokeAccessToken } from '../../access-tokens.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { checkField, textField } from '../parts/field.ts';
import { type Html, page } from '../parts/layout.ts';
import { table } from '../parts/table.ts';
import { badge, moment } from '../parts/words.ts';
import { isForm } from '../session.ts';
import { problemPage } from './problem.ts';

/** Tokens of whoever is signed in: nobody sees, makes or revokes those of others here. */
export function accessTokenPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  const { now, store } = parts;

  app.get('/', async (context) => await show(context, await listBody(context, parts)));

  app.post('/', limited, async (context) => {
    const session = context.get('session');
    if (!(await isForm(context, session))) return await refuseForm(context);
    const { days, name, roles } = readForm(await context.req.parseBody({ all: true }));
    const { text, token } = await createAccessToken({ store, now }, session, { name, roles, days });
    await context.get('audit')({ event: 'token-created', token: token.id, roles: [...token.roles], via: 'console' });
    return await show(context, madeBody(text, token));
  });

  app.post('/revoke', limited, async (context) => {
    const session = context.get('session');
    if (!(await isForm(context, session))) return await refuseForm(context);
    const { id } = await context.req.parseBody();
    const token = typeof id === 'string' ? id : '';
    await revokeAccessToken({ store }, { id: token, person: session.person });
    await context.get('audit')({ event: 'token-removed', token, via: 'console' });
    return context.redirect('/access-tokens', 303);
  });
  return app;
}

const limited = bodyLimit({
  maxSize: 16 * 1024,
  onError: (context: Context) =>
    problemPage(context, 413, 'That is too much', 'The form is larger than this page can send.'),
});

const formSchema = z.object({
  name: z.string().trim().min(1).max(100),
  days: z.coerce.number().int().min(1).max(MOST_TOKEN_DAYS),
});

function readForm(body: Readonly<Record<string, unknown>>) {
  const form = formSchema.safeParse(body);
  if (!form.success)
    throw new BadInput(`say what the token is for, and for how many days (1 to ${MOST_TOKEN_DAYS}); nothing was made`);
  return { ...form.data, roles: accessRoleSchema.options.filter((role) => body[`role-${role}`] !== undefined) };
}

async function refuseForm(context: ConsoleContext): Promise<Response> {
  const detail = 'Nothing was done. Go back, load the page again, and send the form from there.';
  return await problemPage(context, 403, 'This form is not one that was shown to you', detail);
}

async function show(context: ConsoleContext, body: Html): Promise<Response> {
  return await page(context, { title: 'Access tokens', section: undefined, help: 'api', body });
}

async function listBody(context: ConsoleContext, { now, store }: ConsoleParts): Promise<Html> {
  const { formKey, person, roles } = context.get('session');
  const own = (await listAccessTokens({ store })).filter((token) => token.person === person);
  return html`<h1>Access tokens</h1>
    <p>With a token a program uses <a href="/api">the API</a> in your name, ${printable(person)}. It may do what you tick here and no more.</p>
    ${table({
      caption: 'Your tokens',
      columns: ['For', 'May', 'Made', 'Good until', 'Id', 'Take it back'],
      rows: own.map((token) => tokenRow(token, formKey, now())),
      empty: 'You have no token yet: make one below.',
    })}
    <h2>Make a token</h2>
    <form method="post" action="/access-tokens" autocomplete="off">
      <input type="hidden" name="formKey" value="${formKey}">
      ${textField({ name: 'name', label: 'What it is for', type: 'text', value: '', hint: 'So that you know later which one to revoke.' })}
      <fieldset><legend>What it may do</legend>
        ${roles.map((role) => checkField({ name: `role-${role}`, label: ROLES[role].label, isChecked: role === 'viewer', hint: ROLES[role].hint }))}
      </fieldset>
      ${textField({ name: 'days', label: 'Days that it is good', type: 'number', value: '90', hint: `From 1 to ${MOST_TOKEN_DAYS}.` })}
      <p><button class="primary">Make the token</button></p>
    </form>`;
}

function tokenRow({ createdAt, expiresAt, id, name, roles }: ListedToken, formKey: string, now: Date) {
  const isOver = Date.parse(expiresAt) <= now.getTime();
  return [
    ...[printable(name), roles.join(', '), moment(createdAt)],
    isOver ? badge('warning', 'expired') : moment(expiresAt),
    html`<code>${id}</code>`,
    html`<form method="post" action="/access-tokens/revoke"><input type="hidden" name="formKey" value="${formKey}">
      <input type="hidden" name="id" value="${id}"><button class="quiet" aria-label="Revoke ${printable(name)}">Revoke</button></form>`,
  ];
}

function madeBody(text: string, { expiresAt, name }: ListedToken): Html {
  return html`<h1>Your token</h1>
    <p class="notice">Copy it now: it is shown this once, and kept nowhere.</p>
    <p><code>${text}</code></p>
    <p>For ${printable(name)}; good until ${moment(expiresAt)}. <a href="/access-tokens">Back to your tokens</a></p>`;
}

const ROLES = {
  viewer: { label: 'Look', hint: 'At servers, syncs, plans and receipts.' },
  operator: { label: 'Start and stop syncs', hint: 'Somebody still has to approve what they would write.' },
  approver: {
    label: 'Approve and reject',
    hint: 'In your name: your word is spent with the token. Never on syncs that you asked for, unless the fleet file allows it.',
  },
} as const;
