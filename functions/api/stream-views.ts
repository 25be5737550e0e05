import { streamSSE } from 'hono/streaming';
import type { SyncId } from '#core/sync.ts';
import type { ConsoleContext, ConsoleParts } from '../console/console-parts.ts';
import { observationsOf } from '../console/observations.ts';
import { toSyncView } from './to-sync-view.ts';

/** A view whenever it has changed; where the platform holds answers, one, and the client asks again. */
export function streamViews(context: ConsoleContext, parts: ConsoleParts, sync: SyncId): Response {
  return streamSSE(context, async (stream) => {
    const stopping = new AbortController();
    stream.onAbort(() => stopping.abort());
    let last = '';
    try {
      for await (const view of observationsOf(parts).watch(sync, stopping.signal)) {
        const data = JSON.stringify(toSyncView(view));
        if (data !== last) await stream.writeSSE({ event: 'view', data, retry: RETRY_MILLISECONDS });
        last = data;
        if (view.phase === 'done') await stream.writeSSE({ event: 'done', data: '' });
        if (parts.holdsAnswers === true) return;
      }
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
    }
  });
}

const RETRY_MILLISECONDS = 2000;
