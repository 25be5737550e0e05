import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import { type SyncId, syncRequestSchema } from '#core/sync.ts';
import type { Role } from '#functions/console/session.ts';
import { type Browser, ConsoleUnderTest, formsOf } from './browser.ts';

let store: MemoryStore;
let started: SyncId[];
let underTest: ConsoleUnderTest;
let operator: Browser;

beforeEach(async () => {
  store = new MemoryStore();
  const fleet = {
    fleet: 'plant',
    sites: { west: { servers: ['primary', 'backup'] }, east: { servers: ['one', 'two'] } },
    approval: { mail: ['approvers@example.org'], required: 2 },
    waves: { size: 3, 'error-budget': 1 },
  };
  await store.put(keys.fleet(), encodeDocument(fleetSchema.parse(fleet)));
  started = [];
  const executions = { start: async (sync: SyncId) => void started.push(sync) };
  underTest = new ConsoleUnderTest({ store, controlKey: 'none', executions });
  operator = underTest.signIn('starter');
});

const CHOICE = [
  ['source', 'west/primary'],
  ['destination', 'west/backup'],
  ['destination', 'east/one'],
] as const;

type FilledIn = readonly (readonly [string, string])[];

/** Fills in the form and presses a button of it. */
async function send(fields: FilledIn, browser = operator, action = 'begin') {
  return await browser.post('/synchronize', formOf(await keyOf(browser), fields, action));
}

function formOf(formKey: string, fields: FilledIn, action = 'begin'): URLSearchParams {
  const form = new URLSearchParams({ formKey, action });
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

async function keyOf(browser: Browser): Promise<string> {
  return formsOf((await browser.get('/help')).text).find(({ action }) => action === '/leave')?.fields.formKey ?? '';
}

async function keysInStore(): Promise<string[]> {
  return (await Array.fromAsync(store.list(''))).map(({ key }) => key);
}

async function requested() {
  const [sync] = started;
  const stored = sync && (await store.get(keys.request(sync)));
  return stored && parseDocument('request', syncRequestSchema, stored.body);
}

describe('Synchronize Configurations', () => {
  it('asks for what was chosen, by the rules of the fleet file, and goes on at the page of the sync', async () => {
    const { headers, status } = await send([
      ...CHOICE,
      ['mode', 'mirror'],
      ['only', 'termcap, firmware'],
      ['dry-run', 'yes'],
      ['allow-shrink', 'yes'],
      ['allow-downgrade', 'yes'],
      ['allow-vanished', 'module'],
      ['max-removals', '25'],
    ]);
    expect(status).toBe(303);
    expect(headers.get('Location')).toBe(`/syncs/${started[0]}`);
    expect(await requested()).toMatchObject({
      requestedBy: 'starter',
      source: 'west/primary',
      destinations: ['west/backup', 'east/one'],
      waveSize: 3,
      errorBudget: 1,
      notify: ['approvers@example.org'],
      policy: {
        mode: 'mirror',
        only: ['termcap', 'firmware'],
        dryRun: true,
        allowShrink: true,
        allowDowngrade: true,
        allowVanished: ['module'],
        maxRemovalPercent: 25,
        approvals: 2,
        requesterMayApprove: false,
      },
    });
  });

  it('allows nothing that nobody has ticked', async () => {
    await send(CHOICE);
    expect((await requested())?.policy).toEqual({
      mode: 'overwrite',
      allowShrink: false,
      dryRun: false,
      approvals: 2,
      requesterMayApprove: false,
    });
  });

  it('takes all servers of a site but the source', async () => {
    await send([
      ['source', 'west/primary'],
      ['site', 'west'],
      ['site', 'east'],
    ]);
    expect((await requested())?.destinations).toEqual(['east/one', 'east/two', 'west/backup']);
  });

  it.each([
    ['no source', [['destination', 'west/backup']], 'Choose the server to copy from'],
    ['no destination', [['source', 'west/primary']], 'Choose at least one server to overwrite'],
    ['a server that is both', [...CHOICE, ['destination', 'west/primary']], 'cannot be source and destination'],
    ['a server of another fleet', [...CHOICE, ['destination', 'far/away']], 'There is no server far/away'],
    ['a class that never travels', [...CHOICE, ['only', 'license']], 'is no class of files that travels'],
    ['a share that is none', [...CHOICE, ['max-removals', '101']], 'a number from 0 to 100'],
    ['another mode', [...CHOICE, ['mode', 'rollback']], 'Choose Overwrite or Mirror'],
  ] as const)('begins nothing with %s, says so, and keeps what was chosen', async (_, fields, said) => {
    const { status, text } = await send(fields);
    expect(status).toBe(400);
    expect(text).toContain(said);
    for (const [name, value] of fields)
      if (name === 'destination' && value.startsWith('west'))
        expect(text).toMatch(new RegExp(`value="${value}"[^>]* checked`));
    expect(started).toEqual([]);
    expect(await keysInStore()).toEqual([keys.fleet()]);
  });

  it('looks for servers without beginning anything, and keeps what is ticked in sight', async () => {
    const { status, text } = await send([...CHOICE, ['find', 'two']], operator, 'find');
    expect(status).toBe(200);
    expect(text).toMatch(/name="destination" value="east\/one"[^>]* checked/);
    expect(text).toContain('value="east/two"');
    expect(started).toEqual([]);
  });

  it('takes a choice from the address, and begins nothing for it', async () => {
    const { text } = await operator.get('/synchronize?source=west/primary&destination=east/two&action=begin');
    expect(text).toMatch(/name="source" value="west\/primary"[^>]* checked/);
    expect(text).toMatch(/name="destination" value="east\/two"[^>]* checked/);
    expect(started).toEqual([]);
    expect(await keysInStore()).toEqual([keys.fleet()]);
  });

  it.each([[['viewer']], [['viewer', 'approver']]] as const)('is not for %j', async (roles: readonly Role[]) => {
    const browser = underTest.signIn('viewer', roles);
    expect((await browser.get('/synchronize')).text).toContain('Only an operator can begin a sync');
    expect((await send(CHOICE, browser)).status).toBe(403);
    expect(started).toEqual([]);
  });

  it.each([
    ['a forged key', 'forged'],
    ['no key', ''],
  ])('refuses a form with %s', async (_, formKey) => {
    expect((await operator.post('/synchronize', formOf(formKey, CHOICE))).status).toBe(403);
    expect(started).toEqual([]);
  });

  it('refuses a form without end', async () => {
    const { status } = await send([...CHOICE, ['find', 'x'.repeat(5 * 1024 * 1024)]]);
    expect(status).toBe(413);
    expect(started).toEqual([]);
  });

  it('escapes what was typed into it', async () => {
    const { text } = await send([...CHOICE, ['only', MARKUP], ['find', MARKUP]]);
    expect(text).toContain('&lt;script&gt;');
    expect(text).not.toContain('<script>alert');
  });

  it('has a hint for every field', async () => {
    const { text } = await operator.get('/synchronize');
    for (const [, id] of text.matchAll(/aria-describedby="([^"]+)"/g)) expect(text).toContain(`id="${id}"`);
    const fields = [...text.matchAll(/<(?:input|select) id="field-[^>]*>/g)].map(([tag]) => tag);
    expect(fields.length).toBeGreaterThan(7);
    for (const tag of fields) expect(tag).toContain('aria-describedby=');
  });

  it('shows a few hundred of a thousand servers, and finds each of the others', async () => {
    const servers = Array.from({ length: 1000 }, (_, index) => `tm${index}`);
    await store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites: { line: { servers } } })));
    const { text } = await operator.get('/synchronize');
    expect(text.length).toBeLessThan(200_000);
    expect(text).toContain('600 more servers fit');
    expect(text).not.toContain('value="line/tm999"');
    expect((await operator.get('/synchronize?find=tm999')).text).toContain('value="line/tm999"');
  });

  it('says what to do first where there is no fleet', async () => {
    await store.delete(keys.fleet());
    expect((await operator.get('/synchronize')).text).toContain('lockstep-agent enroll<');
  });
});

const MARKUP = '"><script>alert(1)</script>';
