import { html } from 'hono/html';
import type { Plan, PlannedDestination } from '#core/plan.ts';
import { removalShare } from '#core/removals.ts';
import { count } from '../../count.ts';
import { describeEstimate } from '../../describe-transfer.ts';
import { sumByClass } from '../../sum-changes.ts';
import type { Html } from '../parts/layout.ts';
import { shownPath } from '../parts/paths.ts';
import { badge, bytes, moment } from '../parts/words.ts';
import { classTable, lossesOf, troubleOf } from './plan-summary.ts';

type Changes = Extract<PlannedDestination, { readonly outcome: 'changes' }>;

/** One destination: by class, what is lost, and a few files by name. On its own page it has no title of its own. */
export function destinationSummary(plan: Plan, planned: PlannedDestination, on: 'list' | 'page' = 'list'): Html {
  const { server } = planned;
  const title = (text: Html | string) => (on === 'page' ? '' : html`<h2>${text}</h2>`);
  switch (planned.outcome) {
    case 'changes':
      return html`<section>${title(html`<a href="/syncs/${plan.sync}/differences/${server}">${server}</a>`)}
        ${classTable(`Differences at ${server}, by class`, sumByClass({ destinations: [planned] }))}
        <p>To be transferred: ${describeEstimate(planned.estimate)}.</p>
        ${lossesNote(plan, planned)}
        ${on === 'page' ? '' : notableList(planned)}
        ${leftAlone(planned)}</section>`;
    case 'in-sync':
      return html`<section>${title(server)}
        <p>${badge('good', 'in sync')} ${count(planned.counts.keep, 'file')} kept as they are.</p>${leftAlone(planned)}</section>`;
    case 'refused':
    case 'offline':
    case 'failed':
      return html`<section>${title(server)}<p>${troubleOf(planned)}</p></section>`;
  }
}

function lossesNote(plan: Plan, planned: Changes): Html {
  const { counts, localEdits, needs } = planned;
  if (counts.remove === 0 && localEdits === undefined) return html`<p>What is lost there: ${lossesOf(planned)}.</p>`;
  return html`<div class="notice"><p>What is lost there: ${lossesOf(planned)}.</p>
    ${
      needs?.includes('removals') === true
        ? html`<p>${count(counts.remove, 'file')} will be removed, more than ${removalShare(plan)}.</p>`
        : ''
    }
    ${localEdits === undefined ? '' : editList(localEdits)}</div>`;
}

function editList({ count: all, files, since }: NonNullable<Changes['localEdits']>): Html {
  const shown = files.slice(0, MOST_NAMED);
  return html`<p>Changed there since the sync of ${moment(since)}, and overwritten:</p>
    <ul>${shown.map(({ edit, path }) => html`<li>${edit} <code>${shownPath(path)}</code></li>`)}
    ${all > shown.length ? html`<li>and ${count(all - shown.length, 'more file')}</li>` : ''}</ul>`;
}

function notableList({ counts, notable }: Changes): Html {
  const shown = notable.slice(0, MOST_NAMED);
  const left = counts.create + counts.update + counts.remove - shown.length;
  if (shown.length === 0) return html`<p>Only empty folders change.</p>`;
  return html`<ul>${shown.map(({ change, path, size }) => html`<li>${change} <code>${shownPath(path)}</code> ${bytes(size)}</li>`)}
    ${left > 0 ? html`<li>and ${count(left, 'more file')}</li>` : ''}</ul>`;
}

function leftAlone({ protected: kept, unrecognised }: Pick<Changes, 'protected' | 'unrecognised'>): Html | string {
  const lines = [
    ...(kept > 0 ? [`${count(kept, 'license or identity file')} left alone.`] : []),
    ...(unrecognised > 0
      ? [`${count(unrecognised, 'unrecognised file')} left alone: no rule of the profile matches.`]
      : []),
  ];
  return lines.length === 0 ? '' : html`<p class="hint">${lines.join(' ')}</p>`;
}

const MOST_NAMED = 8;
