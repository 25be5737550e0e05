import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';

const BETWEEN_VIEWS_MILLISECONDS = 250;

/**
 * A process with browsers in it: some watch a sync, one loads pages meanwhile. Its own, so that what the browsers take is
 * not in what the server takes. Says on stdout what they saw.
 */
export const browsersSchema = z.object({
  url: z.string(),
  /** Of a person who is signed in. */
  cookie: z.string(),
  watchers: z.int().nonnegative(),
  events: z.string(),
  seconds: z.number(),
  pages: z.array(z.string()),
  /** Of each page. */
  views: z.int().nonnegative(),
});

export type Browsers = z.infer<typeof browsersSchema>;

export interface SeenPage {
  readonly path: string;
  readonly bytes: number;
  /** From the request to the last byte, the first view first. */
  readonly milliseconds: readonly number[];
}

export interface SeenStream {
  readonly milliseconds: number;
  readonly first: number;
  /** Bytes of the later messages. */
  readonly later: readonly number[];
}

export interface Seen {
  readonly pages: readonly SeenPage[];
  readonly streams: readonly SeenStream[];
}

if (import.meta.main)
  process.stdout.write(JSON.stringify(await browse(browsersSchema.parse(JSON.parse(process.argv[2] ?? '')))));

async function browse(browsers: Browsers): Promise<Seen> {
  const { seconds, watchers } = browsers;
  const stopping = AbortSignal.timeout(seconds * 1000);
  const streams = Array.from({ length: watchers }, () => watch(browsers, stopping));
  const pages = await loadPages(browsers);
  return { pages, streams: await Promise.all(streams) };
}

async function loadPages({ cookie, pages, url, views }: Browsers): Promise<SeenPage[]> {
  const seen = pages.map((path) => ({ path, bytes: 0, milliseconds: [] as number[] }));
  for (let view = 0; view < views; view++) {
    for (const one of seen) {
      const begun = performance.now();
      const answer = await fetch(`${url}${one.path}`, { headers: { cookie } });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${one.path} answered ${answer.status}`);
      one.milliseconds.push(performance.now() - begun);
      one.bytes = Math.max(one.bytes, Buffer.byteLength(text));
      await sleep(BETWEEN_VIEWS_MILLISECONDS);
    }
  }
  return seen;
}

async function watch({ cookie, events, url }: Browsers, signal: AbortSignal): Promise<SeenStream> {
  const begun = performance.now();
  const sizes: number[] = [];
  let milliseconds = 0;
  let text = '';
  try {
    const { body } = await fetch(`${url}${events}`, { headers: { cookie }, signal });
    for await (const part of body ?? []) {
      text += Buffer.from(part).toString();
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        if (sizes.length === 0) milliseconds = performance.now() - begun;
        sizes.push(end + 2);
        text = text.slice(end + 2);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const [first = 0, ...later] = sizes;
  return { milliseconds, first, later };
}
