import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { countingStore } from '#bench/counting-store.ts';
import { median } from '#bench/medians.ts';
import { bytes, grid } from '#bench/show.ts';
import type { CountedCall } from '#bench/traffic-meter.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type ServeConsole, serveConsole } from '#embedded/console-server.ts';
import type { Browsers, Seen } from './browsers.ts';
import { BusyFleet } from './busy-fleet.ts';

const BROWSERS = join(import.meta.dirname, 'browsers.ts');
const WATCHERS = 50;
/** Since the sync has begun. */
const SINCE_MILLISECONDS = 600_000;
const OPENED_MILLISECONDS = 3000;
const UNSEEN_MILLISECONDS = 40_000;

export interface MeasuredConsole {
  readonly servers: number;
  /** While nobody watches, the first view after a start of the process first. */
  readonly alone: Phase;
  readonly oneWatcher: Phase;
  readonly manyWatchers: Phase;
  readonly watched: Phase;
  readonly fleet: FleetTimes;
  readonly load: number;
}

interface Phase {
  readonly seen: Seen;
  readonly seconds: number;
  /** Of the console; those of whoever writes the store are not in it. */
  readonly reads: number;
  readonly lists: number;
  /** Of the server's process, which also writes progress. */
  readonly cpuSeconds: number;
}

/** Milliseconds for the page Fleet, where that is more than to show what was read a moment ago. */
interface FleetTimes {
  /** By whoever opens it some seconds after the start. */
  readonly opened: number;
  /** When nobody has looked for a while, and each server has said something since. */
  readonly unseen: readonly number[];
}

/** A console on a folder store as `lockstep up` serves it, a sync of all servers under way, and browsers. */
export async function measureConsole(servers: number, signal: AbortSignal): Promise<MeasuredConsole> {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-console-'));
  try {
    const path = join(folder, 'store');
    await mkdir(path);
    const store = new DirectoryStore(path);
    const begun = new Date(Date.now() - SINCE_MILLISECONDS);
    const fleet = new BusyFleet(store, { servers, waveSize: Math.ceil(servers / 10), past: 120 }, begun);
    await fleet.make(new Date(), { wave: 4, begun });
    const calls: CountedCall[] = [];
    let ahead = 0;
    const counting = countingStore(store, { add: (call) => void calls.push(call) });
    const parts = partsOf(counting, fleet, () => new Date(Date.now() + ahead));
    await using served = await serveConsole({ parts, person: 'viewer', host: '127.0.0.1', port: 0, folder });
    const cookie = await signIn(served.link);
    const browsers = { url: served.address, cookie, events: `/syncs/${fleet.sync}/events` };
    const pages = [
      '/',
      '/?find=00077',
      '/sites/plant-007',
      `/syncs/${fleet.sync}`,
      `/syncs/${fleet.sync}/servers`,
      '/history',
    ];
    const phase = async (wish: Pick<Browsers, 'watchers' | 'seconds' | 'views'>): Promise<Phase> => {
      calls.length = 0;
      const [begun, cpu, stopping] = [performance.now(), process.cpuUsage(), new AbortController()];
      const writing = keepWriting(fleet, stopping.signal);
      const argument = JSON.stringify({ ...browsers, pages, ...wish });
      const { stdout } = await promisify(execFile)(process.execPath, [BROWSERS, argument], {
        signal,
        maxBuffer: 2 ** 28,
      }).finally(async () => {
        stopping.abort();
        await writing;
      });
      const { system, user } = process.cpuUsage(cpu);
      return {
        seen: JSON.parse(stdout),
        seconds: (performance.now() - begun) / 1000,
        reads: calls.filter(({ method }) => method !== 'list').length,
        lists: calls.filter(({ method }) => method === 'list').length,
        cpuSeconds: (system + user) / 1e6,
      };
    };
    const alone = await phase({ watchers: 0, seconds: 0, views: 12 });
    const oneWatcher = await phase({ watchers: 1, seconds: 20, views: 0 });
    const manyWatchers = await phase({ watchers: WATCHERS, seconds: 20, views: 0 });
    const watched = await phase({ watchers: WATCHERS, seconds: 60, views: 24 });
    const load = loadavg()[0] ?? 0;
    const unseen: number[] = [];
    for (let time = 0; time < 5; time++) {
      ahead += UNSEEN_MILLISECONDS;
      await fleet.saySeen(parts.now());
      unseen.push(await timeFleet(served.address, cookie));
    }
    return {
      servers,
      alone,
      oneWatcher,
      manyWatchers,
      watched,
      load,
      fleet: { opened: await timeOpened(path, fleet), unseen },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function partsOf(store: ObjectStore, { controlKey }: BusyFleet, now: () => Date): ServeConsole['parts'] {
  return {
    ...{ store, now, controlKey: async () => controlKey },
    executions: { start: async () => undefined },
    random: () => '0a1b2',
    log: () => undefined,
  };
}

/** Of another console, for the first knows the fleet by now. */
async function timeOpened(store: string, fleet: BusyFleet): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-console-'));
  const parts = partsOf(new DirectoryStore(store), fleet, () => new Date());
  try {
    await using served = await serveConsole({ parts, person: 'viewer', host: '127.0.0.1', port: 0, folder });
    const cookie = await signIn(served.link);
    await sleep(OPENED_MILLISECONDS);
    return await timeFleet(served.address, cookie);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function timeFleet(address: string, cookie: string): Promise<number> {
  const begun = performance.now();
  const answer = await fetch(`${address}/`, { headers: { cookie } });
  await answer.text();
  if (!answer.ok) throw new Error(`the page Fleet was answered with ${answer.status}`);
  return performance.now() - begun;
}

/** What agents write meanwhile: every one at work once in two seconds. */
async function keepWriting(fleet: BusyFleet, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await fleet.advance(new Date());
    await sleep(2000, undefined, { signal }).catch(() => undefined);
  }
}

async function signIn(link: string): Promise<string> {
  const { origin } = new URL(link);
  const answer = await fetch(link, { method: 'POST', redirect: 'manual', headers: { Origin: origin } });
  const cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
  if (answer.status !== 303) throw new Error(`signing in was answered with ${answer.status}`);
  return cookies.join('; ');
}

export function showConsole({
  alone,
  fleet,
  load,
  manyWatchers,
  oneWatcher,
  servers,
  watched,
}: MeasuredConsole): string {
  const pages = watched.seen.pages.map((page, index) => {
    const [first = 0, ...later] = alone.seen.pages[index]?.milliseconds ?? [];
    return [
      page.path.replace(/\d{8}T[^/]+/, 'SYNC'),
      bytes(page.bytes),
      milliseconds(first),
      milliseconds(median(later) ?? 0),
      milliseconds(percentile(later, 0.95)),
      milliseconds(median(page.milliseconds) ?? 0),
      milliseconds(percentile(page.milliseconds, 0.95)),
    ];
  });
  const titles = [
    'page',
    'size',
    'first view',
    'median',
    '95 %',
    `median, ${WATCHERS} watch`,
    `95 %, ${WATCHERS} watch`,
  ];
  const streams = [oneWatcher, manyWatchers, watched].map(({ cpuSeconds, lists, reads, seconds, seen }) => {
    const later = seen.streams.flatMap((stream) => stream.later);
    return [
      String(seen.streams.length),
      milliseconds(median(seen.streams.map((stream) => stream.milliseconds)) ?? 0),
      bytes(median(seen.streams.map(({ first }) => first)) ?? 0),
      bytes(median(later) ?? 0),
      bytes(Math.max(0, ...later)),
      (later.length / Math.max(1, seen.streams.length) / seconds).toFixed(1),
      perMinute(reads, seconds),
      perMinute(lists, seconds),
      `${((100 * cpuSeconds) / seconds).toFixed(0)} %`,
    ];
  });
  const streamTitles = [
    'watchers',
    'to the first',
    'first',
    'median',
    'largest',
    'a second',
    'reads/min',
    'lists/min',
    'processor',
  ];
  const lines = [
    `${servers.toLocaleString('en')} servers and a sync of them all, a tenth at work; load of the machine ${load.toFixed(1)}.`,
    grid(titles, pages, 1),
    `Fleet, opened ${OPENED_MILLISECONDS / 1000} s after the start: ${milliseconds(fleet.opened)}. When nobody has looked for ${
      UNSEEN_MILLISECONDS / 1000
    } s and every server has said something since, ${fleet.unseen.length} times: median ${milliseconds(
      median(fleet.unseen) ?? 0,
    )}, at most ${milliseconds(Math.max(...fleet.unseen))}.`,
    `The stream, bytes of a message; in the last line pages are loaded, too:`,
    grid(streamTitles, streams, 0),
  ];
  return lines.join('\n\n');
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
}

function milliseconds(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function perMinute(calls: number, seconds: number): string {
  return Math.round((calls * 60) / seconds).toLocaleString('en');
}
