import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import { encodePart, type Operation, type PlannedDestination } from '#core/plan.ts';
import { sign } from '#core/signed.ts';
import { SYNC_FORMAT } from '#core/sync.ts';
import {
  createTestSigner,
  DESTINATION,
  PART_HEADER,
  plannedChanges,
  SOURCE,
  SYNC,
  samplePlan,
} from '#test/core/samples.ts';
import { type Browser, ConsoleUnderTest } from './browser.ts';

const MARKUP = '<img src=x onerror=alert(1)>';
const signer = createTestSigner();
let store: MemoryStore;
let viewer: Browser;

beforeEach(() => {
  store = new MemoryStore();
  viewer = new ConsoleUnderTest({ store, controlKey: signer.publicKey }).signIn('viewer', ['viewer']);
});

function brought(path: string, more: object = {}): Operation {
  const fields = { class: 'configuration', mode: null, mtime: 0, path: parseRelativePath(path) };
  return { change: 'create', ...fields, sha256: sha256(path), size: path.length, ...more } as Operation;
}

const FORMER = { sha256: sha256('former'), size: 1500 };

async function publish(operations: readonly Operation[], more: object = {}): Promise<void> {
  const part = encodePart({ header: PART_HEADER, operations });
  const destination = { ...plannedChanges(DESTINATION, part.digest), ...more } as PlannedDestination;
  await store.put(keys.part(SYNC, DESTINATION, part.digest), part.bytes);
  const signed = await sign(samplePlan({ destinations: [destination] }), signer);
  await store.put(keys.plan(SYNC), encodeDocument(signed));
}

const HERE = `/syncs/${SYNC}/differences`;
const THERE = `${HERE}/${DESTINATION}`;

function pathsIn(text: string): string[] {
  return [...text.matchAll(/<code>([^<]*\.cfg)<\/code>/g)].map(([, path = '']) => path);
}

describe('the differences of a plan', () => {
  it('shows each destination by class, and what is lost there', async () => {
    const counts = { create: 1, update: 2, remove: 12, keep: 3 };
    await publish([brought('a.cfg')], {
      counts,
      needs: ['removals'],
      classes: { termcap: { ...counts, bytes: 2048 } },
      localEdits: { since: '2026-01-01T00:00:00Z', count: 30, files: [{ edit: 'edited', path: `${MARKUP}.cfg` }] },
    });
    const { status, text } = await viewer.get(HERE);
    expect(status).toBe(200);
    for (const shown of ['termcap', '12 files removed', '30 changes made there', 'and 29 more files', '2.05 kB'])
      expect(text).toContain(shown);
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;.cfg');
    expect(text).not.toContain('<img');
  });

  it('says why a destination is left out, in the words of its server and not as markup', async () => {
    const refused: PlannedDestination = { outcome: 'refused', server: DESTINATION, reason: 'GUARD', detail: MARKUP };
    await store.put(keys.plan(SYNC), encodeDocument(await sign(samplePlan({ destinations: [refused] }), signer)));
    for (const path of [HERE, THERE]) {
      const { text } = await viewer.get(path);
      expect(text).toContain('GUARD: &lt;img');
      expect(text).not.toContain('<img');
    }
  });

  it('finds a destination among thousands, those to look at first before all others, a page below 200 KB', async () => {
    const destinations: PlannedDestination[] = Array.from({ length: 3000 }, (_, index) => ({
      ...plannedChanges(`plant/tm${index}`, sha256(`${index}`)),
      ...(index === 2500 && { needs: ['removals'] as const satisfies string[] as ['removals'] }),
    }));
    await store.put(keys.plan(SYNC), encodeDocument(await sign(samplePlan({ destinations }), signer)));
    const first = await viewer.get(HERE);
    expect(first.text.length).toBeLessThan(200_000);
    expect(first.text).toContain('plant/tm2500');
    expect(first.text.indexOf('plant/tm2500')).toBeLessThan(first.text.indexOf('plant/tm1<'));
    expect(first.text).toContain('1 to 20 of 3,000 destinations');
    expect((await viewer.get(`${HERE}?find=TM2999`)).text).toContain('1 to 1 of 1 destination<');
    expect((await viewer.get(`${HERE}?from=2990`)).text).toContain('2991 to 3000 of');
  });

  it('waits for a plan that is not made yet, and knows no sync that nobody asked for', async () => {
    expect((await viewer.get(HERE)).status).toBe(400);
    const request = {
      ...{ format: SYNC_FORMAT, sync: SYNC, requestedBy: 'r', requestedAt: '2026-01-02T03:04:05Z', source: SOURCE },
      ...{ destinations: [DESTINATION], policy: samplePlan().policy, waveSize: 1, errorBudget: 0, notify: [] },
      timeouts: { offlineSeconds: 1, inventorySeconds: 1, applySeconds: 1, approvalSeconds: 1 },
    };
    await store.put(keys.request(SYNC), encodeDocument(request));
    const { status, text } = await viewer.get(HERE);
    expect(status).toBe(200);
    expect(text).toContain('There is no plan yet');
    expect((await viewer.get(THERE)).text).toContain('has no plan yet');
  });

  it('believes no plan that the control plane did not sign', async () => {
    await store.put(keys.plan(SYNC), encodeDocument(await sign(samplePlan(), createTestSigner())));
    expect((await viewer.get(HERE)).status).toBe(502);
  });

  it('knows no other destination, and no path that leads elsewhere', async () => {
    await publish([brought('a.cfg')]);
    for (const path of [
      `${HERE}/north/other`,
      `${THERE}/file?path=b.cfg`,
      `${THERE}/file?path=../a.cfg`,
      `${THERE}/file`,
    ])
      expect((await viewer.get(path)).status).toBe(400);
  });
});

describe('the files of a destination', () => {
  const operations: Operation[] = [
    brought('a.cfg'),
    brought('b.cfg', { change: 'update', former: FORMER, size: 2500, class: 'termcap' }),
    { change: 'remove', class: 'configuration', path: parseRelativePath('c.cfg'), former: FORMER },
    { change: 'create-folder', path: 'd/' },
  ];
  const classes = { configuration: plannedClass(), termcap: plannedClass() };

  it('shows what happens to each, with sizes and digests', async () => {
    await publish(operations, { classes });
    const { text } = await viewer.get(THERE);
    expect(pathsIn(text)).toEqual(['a.cfg', 'b.cfg', 'c.cfg']);
    expect(text).toContain('1.5 kB → 2.5 kB');
    expect(text).toContain(`${FORMER.sha256.slice(0, 8)} → ${sha256('b.cfg').slice(0, 8)}`);
    expect(text).toContain('folder created');
  });

  it.each([
    ['change=update', ['b.cfg']],
    ['change=create', ['a.cfg']],
    ['class=configuration', ['a.cfg', 'c.cfg']],
    ['class=configuration&change=remove', ['c.cfg']],
    ['find=B.C', ['b.cfg']],
    ['after=b.cfg', ['c.cfg']],
    ['find=nothing', []],
    ['change=nonsense', ['a.cfg', 'b.cfg', 'c.cfg']],
  ])('finds by %s', async (query, paths) => {
    await publish(operations, { classes });
    expect(pathsIn((await viewer.get(`${THERE}?${query}`)).text)).toEqual(paths);
  });

  it('takes no words of a path for its change or its class', async () => {
    await publish([brought('","class":"termcap","change":"remove".cfg'.replaceAll(':', '='))], { classes });
    expect(pathsIn((await viewer.get(`${THERE}?class=termcap`)).text)).toEqual([]);
  });

  it('leads from page to page through all of them, each once', async () => {
    const many = Array.from({ length: 450 }, (_, index) => brought(`f${String(index).padStart(4, '0')}.cfg`));
    await publish(many);
    const seen: string[] = [];
    for (let next: string | undefined = THERE; next !== undefined; ) {
      const { text } = await viewer.get(next.replaceAll('&amp;', '&'));
      seen.push(...pathsIn(text));
      next = /<a href="([^"]*)" rel="next"/.exec(text)?.[1];
    }
    expect(pathsIn((await viewer.get(THERE)).text)).toHaveLength(200);
    expect(seen).toEqual(many.map(({ path }) => path));
  });

  it('keeps a page of the longest names with markup in them below 200 KB', async () => {
    const long = Array.from({ length: 300 }, (_, index) => `${String(index).padStart(4, '0')}${'&"\''.repeat(80)}/`);
    await publish(long.map((folder) => brought(`${folder}${'<b>'.repeat(80)}.cfg`.slice(0, 400))));
    const { text } = await viewer.get(THERE);
    expect(text.length).toBeLessThan(200_000);
    expect(text).toContain('rel="next"');
    expect(text).not.toContain('<b><b>');
  });

  it('finds one of a hundred thousand operations, and lets others have their turn meanwhile', async () => {
    const many = Array.from({ length: 100_000 }, (_, index) => brought(`f${String(index).padStart(6, '0')}.cfg`));
    await publish([...many, brought('last.cfg', { class: 'termcap' })], { classes });
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    const { text } = await viewer.get(`${THERE}?find=LAST`);
    clearInterval(counting);
    expect(pathsIn(text)).toEqual(['last.cfg']);
    expect(turns).toBeGreaterThan(3);
    expect((await viewer.get(THERE)).text.length).toBeLessThan(200_000);
  });

  it('shows no part that is another than the plan names', async () => {
    await publish(operations, { classes });
    const other = encodePart({ header: PART_HEADER, operations: [brought('z.cfg')] });
    const named = encodePart({ header: PART_HEADER, operations });
    await store.put(keys.part(SYNC, DESTINATION, named.digest), other.bytes);
    expect((await viewer.get(THERE)).status).toBe(502);
  });

  it('escapes what it was asked to find', async () => {
    await publish(operations, { classes });
    const query = new URLSearchParams({ find: `">${MARKUP}`, class: `">${MARKUP}`, after: `">${MARKUP}` });
    expect((await viewer.get(`${THERE}?${query}`)).text).not.toContain('<img');
  });
});

it('changes nothing, whatever is looked at', async () => {
  await publish([brought('a.cfg')]);
  const before = await photograph();
  for (const path of [HERE, THERE, `${THERE}/file?path=a.cfg`, `${THERE}?find=a`]) {
    expect((await viewer.get(path)).status).toBe(200);
    expect((await viewer.get(path, { method: 'HEAD' })).status).toBe(200);
  }
  expect(await photograph()).toEqual(before);
});

async function photograph() {
  return (await Array.fromAsync(store.list(''))).map(({ etag, key }) => `${key} ${etag}`);
}

function plannedClass() {
  return { create: 1, update: 1, remove: 1, keep: 0, bytes: 1 };
}
