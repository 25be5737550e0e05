import type { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { SyncView } from '../observe/observe-sync.ts';
import type { ConsoleEnvironment, ConsoleParts } from './console-parts.ts';
import { linePatch } from './line-patch.ts';
import { observationsOf } from './observations.ts';
import { parseSyncId } from './parse-sync-id.ts';

/**
 * A sync's page while it goes on. All who watch it are shown the same: it is looked at, drawn and compared once for all.
 * First comes the whole (`view`), then only the lines that have changed (`patch`).
 */
export function liveSync(
  app: Hono<ConsoleEnvironment>,
  parts: ConsoleParts,
  draw: (view: SyncView) => Promise<string>,
): void {
  const observations = observationsOf(parts);
  const drawings = new WeakMap<SyncView, Drawing>();
  const drawingOf = (view: SyncView) => {
    const drawing = drawings.get(view) ?? new Drawing(draw(view));
    drawings.set(view, drawing);
    return drawing;
  };

  /** For a platform, or a proxy, that holds streams back. */
  app.get('/:sync/now', async (context) => {
    const view = await observations.recent(parseSyncId(context.req.param('sync')));
    context.header('Lockstep-Phase', view.phase);
    return context.html(await drawingOf(view).markup);
  });

  app.get('/:sync/events', (context) => {
    if (parts.holdsAnswers === true) return context.text('Nothing is streamed here: ask for /now.', 404);
    const sync = parseSyncId(context.req.param('sync'));
    return streamSSE(context, async (stream) => {
      const stopping = new AbortController();
      stream.onAbort(() => stopping.abort());
      let last: Drawing | undefined;
      try {
        for await (const view of observations.watch(sync, stopping.signal)) {
          const drawing = drawingOf(view);
          const message = await drawing.since(last);
          if (message !== undefined) await stream.writeSSE(message);
          last = drawing;
        }
        await stream.writeSSE({ event: 'done', data: '' });
      } catch (error) {
        if (!stopping.signal.aborted) throw error;
      }
    });
  });
}

interface Message {
  readonly event: 'view' | 'patch';
  readonly data: string;
}

/** One view as markup, and how one comes to it from others. */
class Drawing {
  readonly markup: Promise<string>;
  readonly #messages = new WeakMap<Drawing, Promise<Message | undefined>>();

  constructor(markup: Promise<string>) {
    this.markup = markup;
  }

  /** `undefined` where both are the same. */
  async since(last: Drawing | undefined): Promise<Message | undefined> {
    if (last === undefined) return { event: 'view', data: await this.markup };
    const message = this.#messages.get(last) ?? this.#compare(last);
    this.#messages.set(last, message);
    return await message;
  }

  async #compare(last: Drawing): Promise<Message | undefined> {
    const [before, after] = await Promise.all([last.markup, this.markup]);
    if (before === after) return undefined;
    const patch = JSON.stringify(linePatch(before, after));
    return patch.length < after.length ? { event: 'patch', data: patch } : { event: 'view', data: after };
  }
}
