import { html } from 'hono/html';
import { DecisionRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import { requestCancel } from '../../cancel-sync.ts';
import type { ConsoleContext, ConsoleParts } from '../console-parts.ts';
import type { Html } from '../parts/layout.ts';
import { problemPage } from './problem.ts';

/** Two presses: it cannot be taken back. */
export function stopForm(sync: SyncId, formKey: string): Html {
  return html`<details id="stop"><summary>Stop this sync…</summary>
    <form method="post" action="/syncs/${sync}/stop">
      <input type="hidden" name="formKey" value="${formKey}">
      <p id="stop-hint">Nothing more will be ordered. A destination that is being written comes to its own end, the new state or
        the old one; the others stay as they are.</p>
      <button class="danger" aria-describedby="stop-hint">Stop it now</button>
    </form></details>`;
}

export async function stopSync(
  context: ConsoleContext,
  { now, store }: Pick<ConsoleParts, 'now' | 'store'>,
  sync: SyncId,
): Promise<Response> {
  if ((await store.head(keys.request(sync))) === undefined)
    return await problemPage(context, 404, 'There is no such sync', 'History shows those that there are.');
  const by = context.get('session').person;
  try {
    await requestCancel({ store, now }, { sync, by });
  } catch (error) {
    if (!(error instanceof DecisionRefused)) throw error;
    return await problemPage(
      context,
      409,
      'This sync has ended',
      'There is nothing left to stop; its page shows the result.',
    );
  }
  await context.get('audit')({ event: 'sync-stopped', sync, via: 'console' });
  return context.redirect(`/syncs/${sync}`, 303);
}
