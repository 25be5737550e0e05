import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { loadProfile } from '#adapters/profile-file.ts';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { EVERYTHING } from '#cdk/everything.ts';
import { type Permission, readPermissions } from '#cdk/permission-table.ts';
import { encodeDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys, orderId } from '#core/keys.ts';
import { shortCode } from '#core/plan.ts';
import { serverIdSchema } from '#core/server.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import { type Browser, CONSOLE, ConsoleUnderTest, type Fields, formsOf } from '#test/console/browser.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { writeTree } from '#test/support/trees.ts';
import { AwsFleet } from './aws-fleet.ts';
import { matches } from './policy-judge.ts';
import { type SynthesisedStack, synthesise } from './synthesised.ts';

const ROLE = 'FunctionsConsoleRole';
const SOURCE = 'plant-a/tm1';
const DESTINATION = 'plant-b/tm1';

const stack: SynthesisedStack = synthesise(EVERYTHING);

describe('the console on the stack, with no more than the permissions of its role', () => {
  let fleet: AwsFleet;
  let served: ConsoleUnderTest;
  let operator: Browser;
  let approver: Browser;

  beforeEach(async () => {
    const folder = await temporaryFolder();
    fleet = new AwsFleet(stack);
    await fleet.open();
    const sites = { 'plant-a': { servers: ['tm1'] }, 'plant-b': { servers: ['tm1'] } };
    const described = fleetSchema.parse({ fleet: 'plants', sites, approval: { mail: ['approver@example.org'] } });
    await fleet.storeOf('PeopleFleetManagers').put(keys.fleet(), encodeDocument(described));
    const trees = { [SOURCE]: { 'a.xml': '<new/>' }, [DESTINATION]: { 'a.xml': '<old/>', 'gone.xml': '<gone/>' } };
    for (const [id, tree] of Object.entries(trees)) {
      writeTree(join(folder, id), tree);
      const place = { root: join(folder, id), stateFolder: join(folder, 'state', id) };
      await fleet.addAgent(id, { ...place, profile: await loadProfile('generic') });
    }
    const store = fleet.storeOf(ROLE);
    const { controlKey } = fleet;
    served = new ConsoleUnderTest({ store, controlKey, executions: new StoreExecutions(store) });
    operator = served.signIn('operator');
    approver = served.signIn('approver');
  });

  afterEach(() => fleet.close());

  async function begin(more: Fields = {}): Promise<SyncId> {
    const sent = { source: SOURCE, destination: DESTINATION, action: 'begin', mode: 'mirror', 'allow-shrink': 'yes' };
    return syncOf(await sendForm(operator, { page: '/synchronize' }, { ...sent, ...more }));
  }

  async function decide(sync: SyncId, decision: string): Promise<void> {
    const code = shortCode(await fleet.planned(sync));
    await approver.submit(`/approvals/${sync}`, { decision, code, 'acknowledge-removals': '1' });
  }

  it('shows every page that leads on from its first one, while a sync waits, when it is done and verified', async () => {
    const sync = await begin();
    await fleet.planned(sync);
    const seen = [...(await readEverything(approver)), ...(await readEverything(approver, `/syncs/${sync}/now`))];
    await decide(sync, 'APPROVED');
    expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
    const path = `/servers/${DESTINATION}`;
    const verified = syncOf(await sendForm(operator, { page: path, to: `${path}/verify` }));
    expect((await fleet.verdict(verified)).verdict).toBe('VERIFIED');
    seen.push(...(await readEverything(operator)));
    for (const pattern of PAGES)
      expect(
        seen.some((path) => matches(pattern, path)),
        pattern,
      ).toBe(true);
    expect([...fleet.denied]).toEqual([]);
  });

  it('makes an access token, answers whatever the program that brings it may look at, and revokes it', async () => {
    const sync = await begin();
    await decide(sync, 'APPROVED');
    await fleet.verdict(sync);
    const made = await sendForm(
      operator,
      { page: '/access-tokens' },
      { name: 'nightly', 'role-viewer': 'on', days: '1' },
    );
    const [token] = /lockstep_[\w-]+/.exec(made.text) ?? [];
    const ask = async (path: string) => {
      const headers = { Authorization: `Bearer ${token}` };
      return await served.app.request(new URL(path, CONSOLE).href, { headers });
    };
    const document = openApiSchema.parse(await (await ask('/api/openapi.json')).json());
    const known: Fields = {
      sync,
      site: 'plant-b',
      name: 'tm1',
      order: orderId(sync, 'apply', serverIdSchema.parse(DESTINATION)),
    };
    const paths = Object.entries(document.paths).filter(
      ([path, { get }]) => get !== undefined && !path.endsWith('/events'),
    );
    expect(paths.length).toBeGreaterThan(8);
    for (const [path] of paths) {
      const answer = await ask(`/api${path}`.replaceAll(/\{(\w+)\}/g, (_, name: string) => known[name] ?? ''));
      expect({ path, status: answer.status }).toEqual({ path, status: 200 });
      await answer.text();
    }
    const [, id = ''] = /name="id" value="(\w+)"/.exec((await operator.get('/access-tokens')).text) ?? [];
    await sendForm(operator, { page: '/access-tokens', to: '/access-tokens/revoke' }, { id });
    expect((await ask('/api/v1/me')).status).toBe(401);
    expect([...fleet.denied]).toEqual([]);
  });

  it('does what else its forms ask: reject, stop', async () => {
    const rejected = await begin();
    await decide(rejected, 'REJECTED');
    expect((await fleet.verdict(rejected)).verdict).toBe('REJECTED');
    const stopped = await begin();
    await fleet.planned(stopped);
    await sendForm(operator, { page: `/syncs/${stopped}`, to: `/syncs/${stopped}/stop` });
    expect((await fleet.verdict(stopped)).verdict).toBe('FAILED');
    expect([...fleet.denied]).toEqual([]);
  });
});

describe('the role of the console', () => {
  const own: readonly Permission[] = readPermissions(stack.template).filter(({ who }) => who === ROLE);

  it('signs nothing, speaks to no workflow, sends no mail', () => {
    const actions = new Set(own.flatMap((one) => one.actions));
    expect([...actions].filter((action) => /^(states|ses|sqs|lambda|iam|sts):|^kms:Sign/.test(action))).toEqual([]);
    expect([...actions].filter((action) => action.includes('*'))).toEqual([]);
  });

  it('removes nothing but access tokens, and never sees a task token', () => {
    const removes = own.filter(({ actions }) => actions.some((action) => action.startsWith('s3:Delete')));
    expect(removes.map(({ resource }) => resource)).toEqual(['StoreBucket/access-tokens/*.json']);
    const key = `StoreBucket/${keys.token(`${syncIdSchema.parse('20260102T030405Z-0a1b2c3d')}-approval`)}`;
    expect(own.filter(({ resource }) => matches(resource, key)).map(({ actions }) => actions)).toEqual([
      ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
    ]);
  });

  it('writes what people may ask for and decide, and what is kept of it', () => {
    const writes = own.filter(({ actions }) => actions.includes('s3:PutObject')).map(({ resource }) => resource);
    expect(writes.toSorted()).toEqual([
      'StoreBucket/access-tokens/*.json',
      'StoreBucket/audit/*',
      'StoreBucket/executions/*.json',
      'StoreBucket/syncs/*/cancelled.json',
      'StoreBucket/syncs/*/decision.json',
      'StoreBucket/syncs/*/request.json',
      'StoreBucket/syncs/*/votes/*.json',
    ]);
  });

  it('reads one secret, its own', () => {
    const reads = own.filter(({ actions }) => actions.some((action) => action.startsWith('secretsmanager:')));
    expect(reads).toMatchObject([{ actions: ['secretsmanager:GetSecretValue'], resource: 'ConsoleSecret' }]);
  });
});

/** Follows every link to this console, each page once; all are shown. */
async function readEverything(browser: Browser, from = '/'): Promise<string[]> {
  const seen = new Set([from]);
  for (const path of seen) {
    const { status, text } = await browser.get(path);
    expect([200, 303], path).toContain(status);
    const links = [...text.matchAll(/href="(\/[^"#]*)/g)].map(([, link = '']) => link.replaceAll('&amp;', '&'));
    for (const link of links) if (seen.size < MOST_PAGES) seen.add(link);
  }
  return [...seen];
}

interface FormPlace {
  readonly page: string;
  /** The page itself, if not told. */
  readonly to?: string;
}

/** Nothing in it is ticked that is not told. */
async function sendForm(browser: Browser, { page, to = page }: FormPlace, filledIn: Fields = {}) {
  const { text } = await browser.get(page);
  const form = formsOf(text).find(({ action, method }) => action === to && method === 'post');
  if (form === undefined) throw new Error(`${page} shows no form to ${to}`);
  const { formKey = '' } = form.fields;
  return await browser.post(to, { formKey, ...filledIn });
}

function syncOf({ headers, text }: { readonly headers: Headers; readonly text: string }): SyncId {
  const id = syncIdSchema.safeParse(headers.get('Location')?.slice('/syncs/'.length));
  if (!id.success) throw new Error(`no sync was begun: ${text.slice(0, 2000)}`);
  return id.data;
}

const openApiSchema = z.object({ paths: z.record(z.string(), z.object({ get: z.unknown().optional() })) });

const MOST_PAGES = 300;

/** Among those that have to be seen. */
const PAGES = [
  '/access-tokens',
  '/approvals/*',
  '/assets/console.css*',
  '/history?*',
  '/history/export.csv*',
  '/servers/plant-b/tm1',
  '/servers/plant-b/tm1/receipts/*',
  '/syncs/*/differences',
  '/syncs/*/differences/plant-b/tm1',
  '/syncs/*/differences/plant-b/tm1/file*',
  '/syncs/*/now',
  '/syncs/*/receipts.ndjson*',
  '/synchronize',
];
