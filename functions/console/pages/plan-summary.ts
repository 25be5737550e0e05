import { html } from 'hono/html';
import type { Plan, PlannedDestination } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import { count } from '../../count.ts';
import { describeAllowances, mostUrgentFirst } from '../../describe-notices.ts';
import { describeMode, describeUnwritten } from '../../describe-plan.ts';
import { describeAllEstimates, describeEstimate } from '../../describe-transfer.ts';
import { sumByClass } from '../../sum-changes.ts';
import type { Html } from '../parts/layout.ts';
import { type Cell, table } from '../parts/table.ts';
import { badge, bytes, moment } from '../parts/words.ts';

/** The differences of a whole plan in two tables: by class, and by destination with what is lost there. */
export function planSummary(plan: Plan): Html {
  const { destinations } = plan;
  const shown = mostUrgentFirst(destinations).slice(0, MOST_SHOWN);
  const left = destinations.length - shown.length;
  return html`<h2 id="differences">Synchronization Differences</h2>
    ${planNotes(plan)}
    ${classTable('Differences by class', sumByClass(plan))}
    ${shown.length > FEW ? FIND : ''}
    <div id="destinations">${table({
      caption: 'Differences by destination',
      columns: ['Destination', 'Created', 'Updated', 'Removed', 'To be transferred', 'What is lost there'],
      rows: shown.map((one) => destinationRow(plan, one)),
      empty: 'The plan names no destination.',
    })}</div>
    <p><a href="/syncs/${plan.sync}/differences">All differences by class and file</a>${
      left > 0 ? ` (and ${count(left, 'more destination')})` : ''
    }</p>`;
}

export function planNotes(plan: Plan): Html {
  const all = describeAllEstimates(plan);
  const lines = [
    ...describeMode(plan.policy.mode),
    ...describeAllowances(plan.policy).map((line) => `${line}.`),
    ...(all === undefined ? [] : [`To be transferred in all: ${all}.`]),
  ];
  return html`<ul class="notes">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

export function classTable(caption: string, classes: ReturnType<typeof sumByClass>): Html {
  return table({
    caption,
    columns: ['Class', 'Created', 'Updated', 'Removed', 'Kept', 'Bytes'],
    rows: classes.map(([name, changes]) => [
      printable(name),
      ...[changes.create, changes.update, changes.remove, changes.keep].map((files) => files.toLocaleString('en')),
      bytes(changes.bytes),
    ]),
    empty: 'No file differs.',
  });
}

function destinationRow(plan: Plan, planned: PlannedDestination): Cell[] {
  const { server } = planned;
  const name = html`<a href="/syncs/${plan.sync}/differences/${server}">${server}</a>`;
  switch (planned.outcome) {
    case 'changes': {
      const { counts, estimate } = planned;
      const numbers = [counts.create, counts.update, counts.remove].map((files) => files.toLocaleString('en'));
      return [name, ...numbers, describeEstimate(estimate), lossesOf(planned)];
    }
    case 'in-sync':
      return [server, '', '', '', '', badge('good', 'in sync')];
    case 'refused':
    case 'offline':
    case 'failed':
      return [server, '', '', '', '', troubleOf(planned)];
  }
}

/** In the words of all who show it; its detail was written by a server. */
export function troubleOf(planned: PlannedDestination): Html {
  return html`${badge('bad', planned.outcome)} ${describeUnwritten(planned)}`;
}

/** What a person there would miss. */
export function lossesOf({
  counts,
  localEdits,
  needs,
}: Extract<PlannedDestination, { readonly outcome: 'changes' }>): Html {
  const lost = [
    ...(counts.remove > 0 ? [html`${count(counts.remove, 'file')} removed`] : []),
    ...(localEdits === undefined
      ? []
      : [html`${count(localEdits.count, 'change')} made there since ${moment(localEdits.since)}`]),
  ];
  if (lost.length === 0) return html`nothing but the former content of updated files`;
  const isMuch = needs?.includes('removals') === true;
  return html`${badge('warning', 'lost')} ${lost.map((one, index) => html`${index === 0 ? '' : '; '}${one}`)}${
    isMuch ? '; whoever approves has to name the number of removals' : ''
  }`;
}

/** Each with what the largest site calls its servers: this is sent again with every change of the page. */
const MOST_SHOWN = 50;
/** Are seen at once. */
const FEW = 8;
const FIND = html`<p><label>Find a destination <input type="search" data-filters="destinations" placeholder="site or name"></label></p>`;
