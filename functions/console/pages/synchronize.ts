import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { html } from 'hono/html';
import pLimit from 'p-limit';
import { type Fleet, fleetServers } from '#core/fleet.ts';
import { lookAtServer } from '../../observe/look-at-servers.ts';
import { readFleet } from '../../read-fleet.ts';
import { requestSync } from '../../request-sync.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { page } from '../parts/layout.ts';
import { noFleet } from '../parts/no-fleet.ts';
import { type Choice, type Problem, readChoice, toWish } from '../read-choice.ts';
import { has, requireForm } from '../session.ts';
import { problemPage } from './problem.ts';
import { ONLY_LOOKS, type ShownServers, synchronizeForm } from './synchronize-form.ts';

/** The wizard's first step; the others are on the page of the sync. */
export function synchronizePages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();

  app.get('/', async (context) => {
    const fleet = await readFleet(parts.store, context.req.raw.signal);
    if (fleet === undefined) return page(context, { ...PAGE, body: noFleet('Synchronize Configurations') });
    if (!has(context, 'operator')) return page(context, { ...PAGE, body: ONLY_LOOKS });
    const choice = readChoice(new Map(Object.entries(context.req.queries())));
    return await showForm(context, parts, { fleet, choice, problems: [] });
  });

  app.post(
    '/',
    bodyLimit({
      maxSize: MOST_FORM_BYTES,
      onError: (context) =>
        problemPage(
          context,
          413,
          'That form is too large',
          'Tick whole sites instead of each of their servers, or split the sync.',
        ),
    }),
    requireForm('operator'),
    async (context) => {
      const { executions, now, random, store } = parts;
      const fleet = await readFleet(store, context.req.raw.signal);
      if (fleet === undefined) return page(context, { ...PAGE, body: noFleet('Synchronize Configurations') });
      const values = toValues(await context.req.parseBody({ all: true }));
      const choice = readChoice(values);
      // What Enter in a field sends: only the button that says so begins a sync.
      if (values.get('action')?.[0] !== 'begin') return await showForm(context, parts, { fleet, choice, problems: [] });
      const wish = toWish(choice, fleet);
      if ('problems' in wish) {
        context.status(400);
        return await showForm(context, parts, { fleet, choice, problems: wish.problems });
      }
      const requestedBy = context.get('session').person;
      const sync = await requestSync({ store, executions, now, random }, { requestedBy, ...wish });
      await context.get('audit')({ event: 'sync-started', sync, via: 'console' });
      return context.redirect(`/syncs/${sync}`, 303);
    },
  );
  return app;
}

interface FormShown {
  readonly fleet: Fleet;
  readonly choice: Choice;
  readonly problems: readonly Problem[];
}

async function showForm(context: ConsoleContext, parts: ConsoleParts, shown: FormShown): Promise<Response> {
  const { choice, fleet, problems } = shown;
  const servers = await findServers(parts, { fleet, choice, signal: context.req.raw.signal });
  const { formKey } = context.get('session');
  const body = html`${await synchronizeForm({ choice, fleet, formKey, problems, servers })}`;
  return await page(context, { ...PAGE, body });
}

/** Those that are looked for, and those that are chosen; a few hundred of the first at most. */
async function findServers(
  { controlKey, now, store }: ConsoleParts,
  { choice, fleet, signal }: Pick<FormShown, 'choice' | 'fleet'> & { readonly signal: AbortSignal },
): Promise<ShownServers> {
  const words = choice.find.toLowerCase().split(/\s+/);
  const all = fleetServers(fleet);
  const found = all.filter((server) => words.some((word) => server.includes(word)));
  const chosen = new Set<string>([choice.source, ...choice.destinations, ...found.slice(0, MOST_SHOWN)]);
  const shown = all.filter((server) => chosen.has(server));
  const look = { store, fleet, now, signal, controlKey: await controlKey() };
  const parallel = pLimit(PARALLEL_READS);
  const servers = await Promise.all(shown.map((server) => parallel(() => lookAtServer(look, server))));
  return { servers, left: Math.max(0, found.length - MOST_SHOWN), now: now() };
}

function toValues(body: Readonly<Record<string, unknown>>): Map<string, string[]> {
  const texts = (value: unknown) => [value].flat().filter((one): one is string => typeof one === 'string');
  return new Map(Object.entries(body).map(([name, value]) => [name, texts(value)]));
}

const PAGE = { title: 'Synchronize Configurations', section: 'synchronize', help: 'synchronize' } as const;
/** Every server of the largest fleet ticked by itself. */
const MOST_FORM_BYTES = 4 * 1024 * 1024;
const MOST_SHOWN = 400;
const PARALLEL_READS = 16;
