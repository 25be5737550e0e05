import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { StorePermanent, StorePrecondition } from '#core/errors.ts';
import { approvalTokenId, keys, orderId } from '#core/keys.ts';
import type { ObjectInfo, ObjectStore } from '#core/ports/object-store.ts';
import { serverIdSchema } from '#core/server.ts';
import { syncIdSchema } from '#core/sync.ts';
import { incrementOnce, isLostRace } from '#test/support/store-races.ts';

interface ContractSubject {
  /** A new, empty store. */
  open(): Promise<ObjectStore>;
  /** Tests, by title, whose promise the other end cannot show, and why. Each is skipped with a printed reason. */
  readonly gaps?: Readonly<Record<string, string>>;
}

/** Every promise of core/ports/object-store.ts, as tests. */
export function describeObjectStore(name: string, { open, gaps = {} }: ContractSubject): void {
  describe(`${name} keeps the promises of an object store`, () => {
    let store: ObjectStore;
    beforeEach(async () => {
      store = await open();
    });

    const titles = new Set<string>();
    const promise = (title: string, run: () => Promise<void>): void => {
      titles.add(title);
      const gap = gaps[title];
      if (gap !== undefined) console.warn(`SKIPPED for ${name}: "${title}": ${gap}`);
      test(title, (context) => (gap === undefined ? run() : context.skip(gap)));
    };

    describe('reading', () => {
      promise('answers undefined for what is not there', async () => {
        expect(await store.get('no/such')).toBeUndefined();
        expect(await store.getIfChanged('no/such', '"etag"')).toBeUndefined();
        expect(await store.getRange('no/such', { offset: 0, length: 1 })).toBeUndefined();
        expect(await store.getRange('no/such', { offset: 0, length: 0 })).toBeUndefined();
        expect(await store.head('no/such')).toBeUndefined();
        await store.put('no/such/here', bytes('x'));
        expect(await store.get('no/such')).toBeUndefined();
      });

      promise('gives back the bytes that were put, with the etag of the put', async () => {
        const { etag } = await store.put('a/b', bytes('hello'));
        expect(text(await store.get('a/b'))).toBe('hello');
        expect((await store.get('a/b'))?.etag).toBe(etag);
      });

      promise('gives copies: changing one changes no object', async () => {
        const body = bytes('hello');
        await store.put('a', body);
        body.fill(0);
        (await store.get('a'))?.body.fill(0);
        (await store.getRange('a', { offset: 0, length: 5 }))?.fill(0);
        expect(text(await store.get('a'))).toBe('hello');
      });

      promise('keeps empty objects', async () => {
        const { etag } = await store.put('empty', new Uint8Array());
        expect(await store.get('empty')).toEqual({ body: new Uint8Array(), etag });
        expect((await store.head('empty'))?.size).toBe(0);
        expect(await store.getRange('empty', { offset: 0, length: 10 })).toEqual(new Uint8Array());
        expect(await store.getRange('empty', { offset: 0, length: 0 })).toEqual(new Uint8Array());
      });

      promise('keeps large objects', async () => {
        const body = randomBytes(20 * 1024 ** 2);
        const { etag } = await store.put('large', body);
        const read = await store.get('large');
        expect(read?.etag).toBe(etag);
        expect(read && sha256(read.body)).toBe(sha256(body));
        const middle = await store.getRange('large', { offset: 8 * 1024 ** 2 - 3, length: 6 });
        expect(middle).toEqual(new Uint8Array(body.subarray(8 * 1024 ** 2 - 3, 8 * 1024 ** 2 + 3)));
        expect((await store.head('large'))?.size).toBe(body.byteLength);
      });

      promise('says not-modified while the object has the etag, and gives the new one afterwards', async () => {
        const first = await store.put('polled', bytes('one'));
        expect(await store.getIfChanged('polled', first.etag)).toBe('not-modified');
        const second = await store.put('polled', bytes('two'));
        expect(second.etag).not.toBe(first.etag);
        expect(await store.getIfChanged('polled', first.etag)).toEqual({ body: bytes('two'), etag: second.etag });
        await store.delete('polled');
        expect(await store.getIfChanged('polled', second.etag)).toBeUndefined();
      });

      promise('reads ranges, shorter only where the object ends', async () => {
        await store.put('digits', bytes('0123456789'));
        const range = async (offset: number, length: number) =>
          new TextDecoder().decode(await store.getRange('digits', { offset, length }));
        expect(await range(0, 10)).toBe('0123456789');
        expect(await range(3, 4)).toBe('3456');
        expect(await range(9, 1)).toBe('9');
        expect(await range(8, 100)).toBe('89');
        expect(await range(10, 1)).toBe('');
        expect(await range(1000, 5)).toBe('');
        expect(await range(5, 0)).toBe('');
      });

      promise('refuses what is not a range', async () => {
        await store.put('digits', bytes('0123456789'));
        for (const [offset = 0, length = 0] of [
          [-1, 2],
          [0, -1],
          [0.5, 1],
          [0, Number.NaN],
        ]) {
          await expect(store.getRange('digits', { offset, length })).rejects.toThrow(StorePermanent);
        }
      });

      promise('tells size, etag and time without the body', async () => {
        const before = Date.now();
        const { etag } = await store.put('facts', bytes('12345'));
        const info = await store.head('facts');
        expect(info).toMatchObject({ key: 'facts', size: 5, etag });
        // S3 keeps whole seconds.
        expect(info?.modified.getTime()).toBeGreaterThanOrEqual(before - 1000);
        expect(info?.modified.getTime()).toBeLessThanOrEqual(Date.now() + 1000);
      });
    });

    describe('writing', () => {
      promise('lets the last put win, of any size', async () => {
        await store.put('a', bytes('a long first version'));
        await store.put('a', bytes('short'));
        expect(text(await store.get('a'))).toBe('short');
        await store.put('a', new Uint8Array());
        expect(text(await store.get('a'))).toBe('');
      });

      promise('lets concurrent puts end with one of them, whole', async () => {
        const bodies = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(5000));
        await Promise.all(bodies.map((body) => store.put('raced', bytes(body))));
        expect(bodies).toContain(text(await store.get('raced')));
      });

      promise('creates what is not there, and refuses to create it again', async () => {
        const { etag } = await store.create('once', bytes('first'));
        await expect(store.create('once', bytes('second'))).rejects.toThrow(StorePrecondition);
        await expect(store.create('once', bytes('first'))).rejects.toThrow(StorePrecondition);
        expect(await store.get('once')).toEqual({ body: bytes('first'), etag });
      });

      promise('creates again after a delete', async () => {
        await store.create('again', bytes('first'));
        await store.delete('again');
        await store.create('again', bytes('second'));
        expect(text(await store.get('again'))).toBe('second');
      });

      promise('lets one of a hundred concurrent creators win', async () => {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 100 }, (_, index) => store.create('contested', bytes(`creator ${index}`))),
        );
        const winners = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
        expect(winners).toHaveLength(1);
        expect(text(await store.get('contested'))).toBe(`creator ${winners[0]}`);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(isLostRace(outcome.reason)).toBe(true);
        }
      });

      promise('lets one of several concurrent creators of a large object win', async () => {
        const bodies = Array.from({ length: 3 }, () => randomBytes(17 * 1024 ** 2));
        const outcomes = await Promise.allSettled(bodies.map((body) => store.create('contested', body)));
        const winners = bodies.filter((_, index) => outcomes[index]?.status === 'fulfilled');
        expect(winners).toHaveLength(1);
        const kept = await store.get('contested');
        expect(kept && sha256(kept.body)).toBe(sha256(winners[0] ?? ''));
      });

      promise('refuses to create a large object that is there', async () => {
        await store.create('large', bytes('small, but first'));
        await expect(store.create('large', randomBytes(17 * 1024 ** 2))).rejects.toThrow(StorePrecondition);
        expect(text(await store.get('large'))).toBe('small, but first');
      });

      promise('replaces only the version that was named', async () => {
        const first = await store.create('swapped', bytes('1'));
        const second = await store.replace('swapped', bytes('2'), first.etag);
        await expect(store.replace('swapped', bytes('3'), first.etag)).rejects.toThrow(StorePrecondition);
        expect(await store.get('swapped')).toEqual({ body: bytes('2'), etag: second.etag });
      });

      promise('replaces nothing where there is no object', async () => {
        await expect(store.replace('absent', bytes('x'), '"etag"')).rejects.toThrow(StorePrecondition);
        const { etag } = await store.create('gone', bytes('x'));
        await store.delete('gone');
        await expect(store.replace('gone', bytes('y'), etag)).rejects.toThrow(StorePrecondition);
        expect(await store.head('gone')).toBeUndefined();
      });

      promise('refuses a version that was put over', async () => {
        const { etag } = await store.create('swapped', bytes('1'));
        await store.put('swapped', bytes('2'));
        await expect(store.replace('swapped', bytes('3'), etag)).rejects.toThrow(StorePrecondition);
      });

      promise('refuses to replace a version that has changed by a large object', async () => {
        const { etag } = await store.create('swapped', bytes('1'));
        await store.put('swapped', bytes('2'));
        await expect(store.replace('swapped', randomBytes(17 * 1024 ** 2), etag)).rejects.toThrow(StorePrecondition);
        expect(text(await store.get('swapped'))).toBe('2');
      });

      promise('loses no update among concurrent compare-and-swaps', async () => {
        await store.create('counter', bytes('0'));
        await inParallel(Array.from({ length: 40 }), () => incrementOnce(store, 'counter'));
        expect(text(await store.get('counter'))).toBe('40');
      });

      promise('deletes what is there, and what is not', async () => {
        await store.put('a/b', bytes('x'));
        await store.delete('a/b');
        await store.delete('a/b');
        expect(await store.get('a/b')).toBeUndefined();
        expect(await infosOf(store, 'a/')).toEqual([]);
      });
    });

    describe('listing', () => {
      promise('lists what has the prefix, sorted by key, with its facts', async () => {
        const unsorted = ['a/c', 'a-b/x', 'a0', 'a/B', 'a.b/x', 'a/b/c', 'b', 'a/b.json', 'ab'];
        for (const key of unsorted) await store.put(key, bytes(key));
        expect((await infosOf(store, '')).map(({ key }) => key)).toEqual([...unsorted].sort());
        expect((await infosOf(store, 'a/')).map(({ key }) => key)).toEqual(['a/B', 'a/b.json', 'a/b/c', 'a/c']);
        expect((await infosOf(store, 'a/b')).map(({ key }) => key)).toEqual(['a/b.json', 'a/b/c']);
        expect((await infosOf(store, 'a/c')).map(({ key }) => key)).toEqual(['a/c']);
        expect(await infosOf(store, 'a/b/c')).toEqual([await store.head('a/b/c')]);
      });

      promise('lists nothing for a prefix that no key has', async () => {
        await store.put('a/b', bytes('x'));
        for (const prefix of ['b', 'a/b/', 'a/bc', '../', '/', 'a//', '.', 'a/../a/']) {
          expect(await infosOf(store, prefix)).toEqual([]);
        }
      });

      promise('lists thousands', async () => {
        const expected = Array.from({ length: 1050 }, (_, index) => `many/${index % 7}/${index}`);
        await inParallel(expected, (key) => store.put(key, bytes(key)));
        expect((await infosOf(store, 'many/')).map(({ key }) => key)).toEqual([...expected].sort());
      });

      promise('lists the folders right below a prefix, as their keys sort', async () => {
        for (const key of ['a/x', 'f/b/1', 'f/b/2/3', 'f/b-c/1', 'f/a/1', 'f/file', 'g/x/1'])
          await store.put(key, bytes('x'));
        expect(await foldersOf(store, 'f/')).toEqual(['a', 'b-c', 'b']);
        expect(await foldersOf(store, 'f/b/')).toEqual(['2']);
        expect(await foldersOf(store, '')).toEqual(['a', 'f', 'g']);
        for (const prefix of ['n/', 'f/file/', '../', '/']) expect(await foldersOf(store, prefix)).toEqual([]);
      });

      promise('lists folders from a name, or from what it begins with, on', async () => {
        await inParallel(['a1', 'b1', 'b2', 'c1'], (name) => store.put(`f/${name}/x`, bytes('x')));
        expect(await foldersOf(store, 'f/', 'b')).toEqual(['b1', 'b2', 'c1']);
        expect(await foldersOf(store, 'f/', 'b2')).toEqual(['b2', 'c1']);
        expect(await foldersOf(store, 'f/', 'd')).toEqual([]);
      });

      promise('lists thousands of folders', async () => {
        const expected = Array.from({ length: 1050 }, (_, index) => String(10_000 + index));
        await inParallel(expected, (name) => store.put(`many/${name}/x`, bytes(name)));
        expect(await foldersOf(store, 'many/')).toEqual(expected);
        expect(await foldersOf(store, 'many/', '10040')).toEqual(expected.slice(40));
      });
    });

    describe('keys', () => {
      promise('takes every kind of key that core/keys.ts makes', async () => {
        const made = keysOfEveryKind();
        await inParallel(made, (key) => store.create(key, bytes(key)));
        await inParallel(made, async (key) => expect(text(await store.get(key))).toBe(key));
        expect((await infosOf(store, '')).map(({ key }) => key)).toEqual([...made].sort());
      });

      promise('refuses every other key', async () => {
        for (const key of MALFORMED_KEYS) {
          const calls = [
            store.get(key),
            store.getIfChanged(key, '"etag"'),
            store.getRange(key, { offset: 0, length: 1 }),
            store.head(key),
            store.put(key, bytes('x')),
            store.create(key, bytes('x')),
            store.replace(key, bytes('x'), '"etag"'),
            store.delete(key),
          ];
          for (const outcome of await Promise.allSettled(calls)) {
            expect(outcome, JSON.stringify(key)).toMatchObject({ reason: expect.any(StorePermanent) });
          }
        }
        expect(await infosOf(store, '')).toEqual([]);
      });
    });

    describe('aborting', () => {
      promise("rejects with the signal's reason, and does nothing, once aborted", async () => {
        const { etag } = await store.put('kept', bytes('x'));
        const reason = new Error('the person stopped the work');
        const options = { signal: AbortSignal.abort(reason) };
        const calls = [
          store.get('kept', options),
          store.getIfChanged('kept', etag, options),
          store.getRange('kept', { offset: 0, length: 1 }, options),
          store.getRange('kept', { offset: 0, length: 0 }, options),
          store.head('kept', options),
          store.put('kept', bytes('y'), options),
          store.create('new', bytes('y'), options),
          store.replace('kept', bytes('y'), etag, options),
          store.delete('kept', options),
          infosOf(store, '', options.signal),
          Array.fromAsync(store.listFolders('', options)),
        ];
        for (const outcome of await Promise.allSettled(calls)) expect(outcome).toMatchObject({ reason });
        expect(await store.get('kept')).toEqual({ body: bytes('x'), etag });
        expect(await store.head('new')).toBeUndefined();
      });

      promise('leaves nothing or everything of a write that is aborted under way', async () => {
        for (const size of [1000, 20 * 1024 ** 2]) {
          const key = `aborted/${size}`;
          const reason = new Error('the person stopped the work');
          const abort = new AbortController();
          const writing = store.create(key, randomBytes(size), { signal: abort.signal });
          abort.abort(reason);
          const [outcome] = await Promise.allSettled([writing]);
          if (outcome.status === 'rejected') expect(outcome.reason).toBe(reason);
          const left = await store.head(key);
          if (outcome.status === 'fulfilled' || left !== undefined) expect(left?.size).toBe(size);
        }
      });

      promise('takes no notice of an abort after the end', async () => {
        const abort = new AbortController();
        await store.put('a', bytes('x'), { signal: abort.signal });
        const read = await store.get('a', { signal: abort.signal });
        abort.abort();
        expect(text(read)).toBe('x');
      });
    });

    test('names where it is', () => {
      expect(store.url).toMatch(/^(memory:|file:\/\/\/|s3:\/\/)/);
    });

    test('every promise that is skipped is one of this suite', () => {
      expect(Object.keys(gaps).filter((title) => !titles.has(title))).toEqual([]);
    });
  });
}

async function foldersOf(store: ObjectStore, prefix: string, from?: string): Promise<string[]> {
  return Array.fromAsync(store.listFolders(prefix, { from }));
}

async function infosOf(store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<ObjectInfo[]> {
  return Array.fromAsync(store.list(prefix, signal && { signal }));
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(object: { readonly body: Uint8Array } | undefined): string | undefined {
  return object && new TextDecoder().decode(object.body);
}

async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await action(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** With the longest names, every character, and names that Windows takes for devices. */
function keysOfEveryKind(): string[] {
  const sync = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
  const digest = sha256('x');
  const names = ['plant-1_a/hmi_z-9.local', `${'s'.repeat(63)}/${'n'.repeat(63)}`, 'con/aux', 'nul/com1.txt', '0/0'];
  const ofServers = names
    .map((name) => serverIdSchema.parse(name))
    .flatMap((server) => {
      const order = orderId(sync, 'inventory', server);
      return [
        keys.enrolment(server),
        keys.status(server),
        keys.currentOrder(server),
        keys.order(server, 7),
        keys.progress(server, order),
        keys.receipt(server, order),
        keys.manifest(server, digest),
        keys.part(sync, server, digest),
        keys.orderRecord(sync, 'apply', server),
        keys.token(order),
      ];
    });
  return [
    ...ofServers,
    keys.fleet(),
    keys.controlKey(),
    keys.snapshot(digest),
    keys.pack(digest),
    keys.request(sync),
    keys.inventoryItems(sync),
    keys.plan(sync),
    keys.waveItems(sync, 0),
    keys.approvalRequested(sync),
    keys.vote(sync, digest),
    keys.decision(sync),
    keys.cancelled(sync),
    keys.halted(sync),
    keys.verdict(sync),
    keys.token(approvalTokenId(sync)),
    keys.execution(sync),
  ];
}

const MALFORMED_KEYS = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/../../b',
  'a/./b',
  'a/..',
  '.lockstep/tmp/a',
  'a/.hidden',
  'trailing.',
  'trailing./a',
  'C:/a',
  'C:\\a',
  'a\\..\\b',
  'a:stream',
  'a b',
  '%con',
  'a\0b',
  'a\nb',
  'caf\u00e9',
  'a?b',
  'a*',
  `${'a/'.repeat(600)}a`,
  'a'.repeat(300),
];
