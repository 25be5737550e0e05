import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { wrapStore } from '#adapters/wrap-store.ts';
import { countingStore } from '#bench/counting-store.ts';
import { keys } from '#core/keys.ts';
import { BusyFleet } from '#simulate/busy-fleet.ts';
import { CallCounter } from '#test/support/call-counter.ts';
import { type Browser, CONSOLE, ConsoleUnderTest } from './browser.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const MOST_BYTES = 200_000;

const memory = new MemoryStore();
const fleet = new BusyFleet(memory, { servers: 1000, waveSize: 100, past: 120 }, NOW);
let clock: Date;
/** What reads wait for. */
let held: Promise<void> | undefined;
let counter: CallCounter;
let console: ConsoleUnderTest;
let viewer: Browser;

beforeAll(async () => {
  await fleet.make(NOW, { wave: 4 });
});

/** One that has seen nothing yet. */
function openConsole(): void {
  clock = NOW;
  held = undefined;
  counter = new CallCounter();
  console = new ConsoleUnderTest({
    store: countingStore(
      wrapStore(memory, (_, run) => (held === undefined ? run() : held.then(run))),
      counter,
    ),
    controlKey: fleet.controlKey,
    now: () => clock,
  });
  viewer = console.signIn('viewer', ['viewer']);
}

function later(seconds: number): void {
  clock = new Date(clock.getTime() + seconds * 1000);
}

describe('with a thousand servers, and a sync of them all under way', () => {
  beforeAll(openConsole);

  it.each([
    '/',
    '/?from=20',
    '/?find=line',
    '/?state=offline',
    '/?state=in-sync&from=100',
    '/sites/plant-007',
    `/syncs/${fleet.sync}`,
    `/syncs/${fleet.sync}/now`,
    `/syncs/${fleet.sync}/servers`,
    `/syncs/${fleet.sync}/servers?state=not-begun&from=100`,
    `/syncs/${fleet.sync}/differences`,
    '/history',
    '/synchronize',
    '/approvals',
  ])('%s stays below 200 KB', async (path) => {
    const { status, text } = await viewer.get(path);
    expect(status).toBe(200);
    expect(Buffer.byteLength(text)).toBeLessThan(MOST_BYTES);
  });

  it('the page Fleet leads to every server, those to look at first', async () => {
    const { text } = await viewer.get('/');
    expect(text).toContain('1,001 servers at 41 sites');
    const counts = [...text.matchAll(/<a href="\/\?state=([^"]+)">([\d,]+) /g)].map(([, id, number]) => [id, number]);
    expect(Object.fromEntries(counts)).toEqual({
      'not-in-sync': '50',
      offline: '20',
      busy: '1,001',
      'in-sync': '950',
      unknown: '1',
    });
    const sites = [...text.matchAll(/href="(\/sites\/[^"]+)"/g)].map(([, path = '']) => path);
    const servers = new Set<string>();
    for (const site of sites) for (const server of await serversOn(site)) servers.add(server);
    expect(servers.size).toBe(1001);
    expect(await serversOn('/')).toContain('plant-000/line-controller-00007');
  });

  it('a server is found without a script, and by what holds of it', async () => {
    expect(await serversOn('/?find=controller-00077')).toEqual(['plant-003/line-controller-00077']);
    expect(await serversOn('/?find=00077 PLANT-003/line-controller-00078')).toHaveLength(2);
    const offline: string[] = await serversOn('/?state=offline');
    expect(offline).toHaveLength(20);
    expect(await serversOn('/?state=offline&find=plant-002')).toEqual(
      offline.filter((id) => id.startsWith('plant-002')),
    );
    expect((await viewer.get('/?find=nobody')).text).toContain('No server fits');
  });

  it('rows that do not fit come on the pages behind', async () => {
    const seen: string[] = [];
    for (let path: string | undefined = '/?state=in-sync'; path !== undefined; ) {
      seen.push(...(await serversOn(path)));
      const { text } = await viewer.get(path);
      path = /<a href="([^"]*)" rel="next"/.exec(text)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(seen).toHaveLength(950);
    expect(new Set(seen).size).toBe(950);
  });

  it('no site is shown that there is not, and nothing of an address goes unescaped', async () => {
    expect((await viewer.get('/sites/nowhere')).status).toBe(404);
    for (const path of ['/sites/', '/?find=', '/?state=', '/?from='])
      expect((await viewer.get(`${path}${encodeURIComponent('"><img src=x>')}`)).text).not.toContain('<img');
  });
});

describe('what the store is asked for', () => {
  beforeEach(openConsole);

  it('the page Fleet is bounded, and less the second time', async () => {
    await viewer.get('/');
    const first = counter.take();
    // Status, key and order of each server; of the newest hundred syncs whether they have ended.
    expect(first.reads).toBeLessThan(3 * 1001 + 100 + 60);
    expect(first.lists).toBe(1);
    later(100);
    await viewer.get('/');
    const again = counter.take();
    expect(again.reads).toBeLessThan(2 * 1001 + 10);
    expect(again.bytes).toBeLessThan(50_000);
  });

  it('nothing for a page Fleet that another has just read, and one look for all who come at once', async () => {
    await Promise.all(Array.from({ length: 50 }, () => viewer.get('/')));
    expect(counter.take().reads).toBeLessThan(3 * 1001 + 100 + 60);
    later(4);
    await Promise.all(Array.from({ length: 50 }, () => viewer.get('/sites/plant-001')));
    expect(counter.take().reads).toBe(0);
  });

  it('a view of the fleet that is some seconds old is shown with its age, one that is older only where none is read soon', async () => {
    await viewer.get('/');
    const gone = keys.status('plant-000/line-controller-00001' as Parameters<typeof keys.status>[0]);
    const status = (await memory.get(gone))?.body ?? new Uint8Array();
    await memory.delete(gone);
    later(10);
    const old = (await viewer.get('/')).text;
    expect(old).toContain('(10 s ago)');
    expect(old).not.toContain('whose view');
    later(31);
    expect((await viewer.get('/?find=00001')).text).toContain('never');
    await memory.put(gone, status);
  });

  it('a view of the fleet that is older, because none is read soon, says so', async () => {
    await viewer.get('/');
    const gate = Promise.withResolvers<void>();
    held = gate.promise;
    later(240);
    for (const path of ['/', '/sites/plant-001'])
      expect((await viewer.get(path)).text).toContain('This view is 4 min 0 s old. A newer one is being read');
    gate.resolve();
  });

  it('a page of a sync is bounded by the wave at work, and by what has changed since the last', async () => {
    await viewer.get(`/syncs/${fleet.sync}`);
    // Answers of the 400 that had their turn, answers and progress of the 100 at work, and what is drawn of them.
    expect(counter.take().reads).toBeLessThan(400 + 200 + 200);
    await viewer.get(`/syncs/${fleet.sync}`);
    expect(counter.take().reads).toBeLessThan(260);
  });

  it('a history of five thousand syncs is not listed for fifty', async () => {
    await viewer.get('/history');
    const { lists, reads } = counter.take();
    expect({ lists, reads }).toEqual({ lists: 1, reads: 2 * 50 });
  });
});

describe('the stream of a sync of a thousand', () => {
  beforeEach(openConsole);

  it('sends the whole once, and then only the lines that have changed', async () => {
    const stopping = new AbortController();
    const messages = readMessages(await openStream(stopping.signal));
    const { value: whole } = await messages.next();
    expect(whole?.event).toBe('view');
    expect(whole?.data.length).toBeLessThan(40_000);
    await fleet.advance(NOW);
    const lines = (whole?.data ?? '').split('\n');
    for (let isSame = false; !isSame; ) {
      const { value: patch } = await messages.next();
      expect(patch?.event).toBe('patch');
      expect(patch?.data.length).toBeLessThan(20_000);
      for (const [at, removed, added] of JSON.parse(patch?.data ?? '').reverse()) lines.splice(at, removed, ...added);
      // A look may fall between two writes; then another message follows.
      isSame = lines.join('\n') === (await viewer.get(`/syncs/${fleet.sync}/now`)).text;
    }
    stopping.abort();
  });
});

describe('the page of a sync of a thousand', () => {
  beforeAll(openConsole);

  it('leads to each of its servers, by state, while it goes on and afterwards', async () => {
    const path = `/syncs/${fleet.sync}/servers`;
    expect(await serversOn(`${path}?find=controller-00907`)).toEqual(['plant-036/line-controller-00907']);
    expect(await serversOn(`${path}?state=failed`)).toContain('plant-000/line-controller-00007');
    await fleet.end(NOW);
    for (const page of [`/syncs/${fleet.sync}`, path, `${path}?state=done&from=900`]) {
      const { text } = await viewer.get(page);
      expect(Buffer.byteLength(text)).toBeLessThan(MOST_BYTES);
    }
    expect(await serversOn(`${path}?state=failed`)).toHaveLength(50);
    expect(await serversOn(`${path}?state=done&from=900`)).toHaveLength(50);
  });
});

async function serversOn(path: string): Promise<string[]> {
  const { status, text } = await viewer.get(path);
  expect(status).toBe(200);
  return [...text.matchAll(/href="\/servers\/([^"/]+\/[^"/]+)"/g)].map(([, server = '']) => server);
}

async function openStream(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const url = new URL(`/syncs/${fleet.sync}/events`, CONSOLE).href;
  const { body } = await console.app.request(url, { headers: { Cookie: viewer.cookie }, signal });
  if (body === null) throw new Error('the stream has no body');
  return body;
}

interface Message {
  readonly event: string;
  readonly data: string;
}

async function* readMessages(body: ReadableStream<Uint8Array>): AsyncGenerator<Message> {
  let text = '';
  for await (const part of body.pipeThrough(new TextDecoderStream() as never) as ReadableStream<string>) {
    text += part;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const of = (name: string) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length));
      yield { event: of('event: ').join(''), data: of('data: ').join('\n') };
    }
  }
}
