import type { Email } from 'postal-mime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SmtpNotifier } from '#adapters/smtp-notifier.ts';
import { type Plan, shortCode } from '#core/plan.ts';
import { parseSmtpUrl } from '#core/smtp-server.ts';
import type { SyncId } from '#core/sync.ts';
import { Controller } from '#embedded/controller.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { CONSOLE, ConsoleUnderTest } from '#test/console/browser.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { type MailServer, openMailServer } from '#test/support/mail-server.ts';

const MARKUP = '<script>alert("1")</script>&<img src=x>';
const TO = ['manager@example.org', 'bert@example.org'];
const POLICY = {
  mode: 'overwrite',
  allowShrink: true,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: false,
} as const;
const EDITED = 'line <b>& 1.cfg';

let fleet: FakeFleet;
let source: FakeAgent;
let server: MailServer;
let controller: Controller | undefined;

beforeEach(async () => {
  server = await openMailServer();
  fleet = new FakeFleet();
  source = await fleet.add('plant-a/source', release('one'));
  await fleet.add('plant-b/tm1', []);
  await fleet.add('plant-b/tm2', []);
  await fleet.start();
  await fleet.vote(await fleet.request({ policy: POLICY }), 'APPROVED');
});

afterEach(async () => {
  await controller?.stop();
  await fleet.end();
  await server.close();
});

function release(content: string) {
  return [EDITED, 'b.cfg'].map((path) => file(path, `${path} of ${content}`));
}

/** The workflow, with that mail server, at another time. */
async function runAt(now: () => Date): Promise<void> {
  await controller?.stop();
  const notifier = new SmtpNotifier({
    server: parseSmtpUrl(`smtp://127.0.0.1:${server.port}`),
    password: undefined,
    from: 'lockstep@example.org',
    onRefused: () => undefined,
  });
  const { signer, store } = fleet;
  controller = await Controller.start({
    store,
    signer,
    notifier,
    now,
    log: () => undefined,
    pollMilliseconds: 2,
    adopt: true,
  });
}

async function received(count: number): Promise<Email> {
  await fleet.until(() => server.received.length >= count);
  expect(server.received).toHaveLength(count);
  expect(server.received.at(-1)?.recipients).toEqual(TO);
  return server.received.at(-1)?.mail ?? expect.unreachable();
}

/** Both sides of the message say it, and neither lets it be markup. */
function expectBoth({ html = '', text = '' }: Email, words: readonly (string | RegExp)[]): void {
  const shown = html
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
  for (const said of [shown, text].map((whole) => whole.replaceAll(/\s+/g, ' ')))
    for (const one of words)
      expect(said).toEqual(typeof one === 'string' ? expect.stringContaining(one) : expect.stringMatching(one));
  expect(html).not.toMatch(/<script|<img|<b>|<style|<link|url\(/);
  expect(html).toContain('<meta name="color-scheme" content="light dark">');
  // A colour that is set alone is unreadable in the other theme.
  for (const [, style = ''] of html.matchAll(/style="([^"]*)"/g))
    expect(/(?<!-)\bcolor:/.test(style)).toBe(/background:/.test(style));
}

function linkOf({ html = '', text = '' }: Email): string {
  const [, link = ''] = /<a href="([^"]+)"/.exec(html) ?? [];
  expect(text).toContain(link);
  return new URL(link).pathname;
}

async function begin(): Promise<{ readonly sync: SyncId; readonly plan: Plan }> {
  await fleet.stopController();
  source.entries = release('two');
  for (const agent of fleet.agents.values())
    if (agent !== source)
      agent.entries = [file(EDITED, 'by hand'), ...agent.entries.filter(({ path }) => path !== EDITED)];
  await runAt(() => new Date());
  const sync = await fleet.request({ policy: POLICY, requestedBy: MARKUP, notify: TO, consoleUrl: CONSOLE });
  await fleet.planned(sync);
  return { sync, plan: await requirePlan(fleet.store, sync, fleet.signer.publicKey) };
}

it('the approvers get all that they have to know, a reminder, and how it ended; the link leads to the decision', async () => {
  await fleet.until(async () => (await verdicts()) === 1);
  const { plan, sync } = await begin();
  const known = ['plant-a/source', 'plant-b/tm1', 'plant-b/tm2', plan.expiresAt, shortCode(plan.digest), MARKUP];
  const differences = /configuration 0 (4|2) 0 0 \d+ B/;
  const lost = ['1 file was changed here since the sync of', `edited ${EDITED}`, '2 files in all'];
  const asked = await received(1);
  expect(asked.subject).toContain(shortCode(plan.digest));
  expectBoth(asked, [
    ...known,
    differences,
    ...lost.slice(0, 4),
    /to be transferred/i,
    'one approval',
    'lockstep approve',
  ]);

  const [from, until] = [Date.parse(plan.createdAt), Date.parse(plan.expiresAt)];
  await runAt(() => new Date(from + (until - from) * 0.8));
  const reminder = await received(2);
  expect(reminder.subject).toMatch(/^Lockstep: reminder: approve sync/);
  expectBoth(reminder, [...known, 'Nobody has decided yet']);
  expect(linkOf(reminder)).toBe(linkOf(asked));

  const { signer, store } = fleet;
  const approver = new ConsoleUnderTest({ store, controlKey: signer.publicKey }).signIn('approver');
  const page = await approver.get(linkOf(reminder));
  expect(page.text).toContain(shortCode(plan.digest));
  await approver.submit(linkOf(reminder), { code: shortCode(plan.digest), decision: 'APPROVED' });

  const ended = await received(3);
  expect(ended.subject).toBe(`Lockstep: sync ${sync} SUCCEEDED`);
  expectBoth(ended, ['plant-b/tm1', 'plant-b/tm2', 'SUCCEEDED', `lockstep status ${sync}`]);
  expect(linkOf(ended)).toBe(`/syncs/${sync}`);
});

it('who was asked is told of a rejection, and by whom', async () => {
  await fleet.until(async () => (await verdicts()) === 1);
  const { sync } = await begin();
  await received(1);
  await fleet.vote(sync, 'REJECTED', MARKUP);
  const ended = await received(2);
  expect(ended.subject).toBe(`Lockstep: sync ${sync} REJECTED`);
  expectBoth(ended, [`rejected by ${MARKUP}`]);
});

async function verdicts(): Promise<number> {
  const all = await Array.fromAsync(fleet.store.list('syncs/'));
  return all.filter(({ key }) => key.endsWith('/verdict.json')).length;
}
