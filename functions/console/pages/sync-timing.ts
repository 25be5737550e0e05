import { html } from 'hono/html';
import { stockTakers } from '#core/sync.ts';
import { count } from '../../count.ts';
import type { SyncView } from '../../observe/observe-sync.ts';
import type { DestinationTimes, SyncTimes, WaveTimes } from '../../observe/sync-times.ts';
import { axis, type BarTone, bar, roundedDown, type Segment, type Span, shortDuration, swatch } from '../parts/bars.ts';
import type { Html } from '../parts/layout.ts';

export interface TimedSync {
  readonly view: SyncView;
  readonly times: SyncTimes;
  readonly now: Date;
}

/** How long each step has taken, then each wave and destination on a scale of their own: people take longer than machines. */
export function timingSection(timed: TimedSync): Html {
  const { times, view } = timed;
  const [begun, end] = [Date.parse(view.request.requestedAt), endOf(timed)];
  const firstWave = times.waves[0];
  return html`<section aria-labelledby="timing"><h2 id="timing">Timing</h2>
    ${timingTable('Each step', { from: begun, to: end }, stepRows(timed, end))}
    ${
      firstWave === undefined
        ? ''
        : timingTable('Waves and destinations', { from: Date.parse(firstWave.begun), to: end }, [
            ...times.waves.map((wave) => waveRow(timed, wave, end)),
            ...times.destinations.map((one) => destinationRow(timed, one, end)),
          ])
    }
    ${firstWave === undefined ? '' : legend(times)}</section>`;
}

interface Row {
  readonly name: string;
  readonly segments: readonly Segment[];
  readonly took: string;
  readonly details: string;
}

function timingTable(caption: string, scale: Span, rows: readonly Row[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="timing">
      <caption>${caption}</caption>
      <thead><tr><th scope="col">Step</th><th scope="col" class="drawn"><span class="unseen">Drawn</span>${axis(scale)}</th><th scope="col" class="number">Took</th><th scope="col">Details</th></tr></thead>
      <tbody>${rows.map(
        ({ details, name, segments, took }) =>
          html`<tr><th scope="row">${name}</th><td class="drawn">${bar(scale, segments)}</td><td class="number">${took}</td><td>${details}</td></tr>\n`,
      )}</tbody>
    </table></div>`;
}

function stepRows(timed: TimedSync, end: number): Row[] {
  const { request, plan } = timed.view;
  const begun = Date.parse(request.requestedAt);
  const planned = plan === undefined ? end : within({ from: begun, to: end }, plan.createdAt);
  return [
    ...preparationRows(timed, { from: begun, to: planned }),
    ...approvalRows(timed, { from: planned, to: end }),
    ...applyRows(timed, { from: planned, to: end }),
  ];
}

interface Step {
  readonly tone?: BarTone;
  readonly details?: string;
  readonly isOver: boolean;
}

function stepRow(name: string, span: Span, { details = '', isOver, tone = 'plain' }: Step): Row {
  return {
    name,
    segments: [{ ...span, tone: isOver ? tone : 'busy' }],
    took: shortDuration(span.to - span.from),
    details: isOver ? details : join('so far', details),
  };
}

/** One row where nobody knows when the last server had answered: one did not, or they are many. */
function preparationRows({ times, view: { plan, request, verdict } }: TimedSync, span: Span): Row[] {
  const details = count(stockTakers(request).length, 'server');
  const isOver = plan !== undefined || verdict !== undefined;
  const last = times.stock?.at(-1);
  if (last === undefined) return [stepRow(isOver ? 'Inventory and planning' : 'Inventory', span, { details, isOver })];
  const taken = within(span, last.finishedAt);
  return [
    stepRow('Inventory', { from: span.from, to: taken }, { details, isOver: true }),
    stepRow(request.policy.verify === true ? 'Comparison' : 'Planning', { from: taken, to: span.to }, { isOver }),
  ];
}

function approvalRows({ times, view }: TimedSync, rest: Span): Row[] {
  const { phase, plan } = view;
  if (plan === undefined || times.asked === undefined) return [];
  const decided = within(rest, decidedAt(view) ?? '');
  const span = { from: Math.min(within(rest, times.asked), decided), to: decided };
  const details = `${count(plan.policy.approvals, 'approval')} needed`;
  return [stepRow('Approval', span, { tone: 'people', details, isOver: phase !== 'approval' })];
}

function applyRows({ times, view }: TimedSync, rest: Span): Row[] {
  const first = times.waves[0];
  if (first === undefined) return [];
  const span = { from: within(rest, first.begun), to: rest.to };
  const details = `${count(times.planned, 'destination')} in waves of ${view.request.waveSize}`;
  const tone = view.verdict?.verdict === 'SUCCEEDED' ? 'good' : 'bad';
  return [stepRow('Applying', span, { tone, details, isOver: view.verdict !== undefined })];
}

/** `undefined` while nothing has ended the wait. */
function decidedAt({ decision, verdict }: SyncView): string | undefined {
  const votes = decision?.votes.map(({ at }) => at).toSorted() ?? [];
  return votes.at(-1) ?? verdict?.finishedAt;
}

function waveRow(
  { times: { halted }, view }: TimedSync,
  { begun, ended, first, last, servers }: WaveTimes,
  end: number,
): Row {
  const span = {
    from: Date.parse(begun),
    to: ended === undefined ? end : within({ from: Date.parse(begun), to: end }, ended),
  };
  const isHalted = halted !== undefined && halted.wave >= first - 1 && halted.wave < last;
  const isOver = ended !== undefined;
  const over = isHalted ? 'bad' : 'plain';
  return {
    name: first === last ? `Wave ${first}` : `Waves ${first} to ${last}`,
    segments: [{ ...span, tone: isOver ? over : 'busy' }],
    took: shortDuration(span.to - span.from),
    details: join(count(servers, 'destination'), isHalted ? 'halted here' : isOver || view.verdict ? '' : 'under way'),
  };
}

function destinationRow(
  { view }: TimedSync,
  { ordered, progress, receipt, server }: DestinationTimes,
  end: number,
): Row {
  const from = Date.parse(ordered);
  if (receipt === undefined) {
    const isOver = view.verdict !== undefined;
    const details = isOver ? 'no answer' : (progress?.stage ?? 'waiting for its agent');
    const tone = isOver ? 'bad' : progress === undefined ? 'waiting' : 'busy';
    return { name: server, segments: [{ from, to: end, tone }], took: shortDuration(end - from), details };
  }
  const whole = { from, to: end };
  const to = within(whole, receipt.finishedAt);
  const started = within({ from, to }, receipt.startedAt);
  const seconds = 'secondsFetching' in receipt ? (receipt.secondsFetching ?? 0) : 0;
  const fetched = Math.min(to, started + seconds * 1000);
  const hooks = 'hooks' in receipt ? (receipt.hooks ?? []).reduce((sum, one) => sum + one.seconds, 0) : 0;
  return {
    name: server,
    segments: [
      { from, to: started, tone: 'waiting' },
      { from: started, to: fetched, tone: 'fetching' },
      { from: fetched, to, tone: receipt.outcome === 'SUCCEEDED' ? 'good' : 'bad' },
    ],
    took: shortDuration(to - from),
    details: join(
      receipt.outcome.replaceAll('_', ' ').toLowerCase(),
      `waited ${shortDuration(started - from)}`,
      `fetched ${shortDuration(fetched - started)}`,
      hooks > 0 ? `hooks ${shortDuration(hooks * 1000)}` : '',
      `wrote and proved ${shortDuration(to - fetched)}`,
    ),
  };
}

function legend({ destinations, planned }: SyncTimes): Html {
  const words = [
    ['waiting', 'waiting for the agent'],
    ['fetching', 'fetching'],
    ['good', 'writing and proving, succeeded'],
    ['bad', 'ended badly'],
    ['busy', 'under way'],
  ] as const;
  const left = planned - destinations.length;
  return html`<p class="legend">${words.map(([tone, word]) => html`<span>${swatch(tone)} ${word}</span> `)}</p>
    <p class="hint">What happens at a server is timed by its own clock, and drawn within its order.${
      left > 0 ? ` ${count(left, 'more destination')} ${left === 1 ? 'is' : 'are'} not drawn.` : ''
    }</p>`;
}

/** Whoever wrote a time may have a clock of his own. */
export function within({ from, to }: Span, iso: string): number {
  const at = Date.parse(iso);
  return Number.isNaN(at) ? to : Math.min(to, Math.max(from, at));
}

/** Of what is drawn: the verdict; or now, and nothing that is known already lies behind that. */
export function endOf({ now, times, view }: TimedSync): number {
  const from = Date.parse(view.request.requestedAt);
  if (view.verdict !== undefined) return Math.max(from + 1, Date.parse(view.verdict.finishedAt));
  const known = [...times.waves.map(({ begun }) => begun), ...times.destinations.map(({ ordered }) => ordered)];
  const last = Math.max(from, ...known.map((at) => Date.parse(at)));
  return Math.max(last + 1, roundedDown({ from, to: now.getTime() }));
}

function join(...words: readonly string[]): string {
  return words.filter((word) => word !== '').join(', ');
}
