import { html } from 'hono/html';
import { shortCode } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import { count } from '../../count.ts';
import type { Html } from '../parts/layout.ts';
import { moment, type Tone, verdictBadge } from '../parts/words.ts';
import { endOf, type TimedSync, within } from './sync-timing.ts';

interface Event {
  readonly at: number;
  readonly tone: Tone;
  readonly said: Html | string;
}

/** What happened, as the store tells it, the earliest first. */
export function eventsSection(timed: TimedSync): Html {
  const end = endOf(timed);
  const events = [
    ...requestEvents(timed, end),
    ...approvalEvents(timed),
    ...waveEvents(timed, end),
    ...endEvents(timed),
  ];
  return html`<section aria-labelledby="events"><h2 id="events">What happened</h2>
    <ol class="events">${events
      .toSorted((a, b) => a.at - b.at)
      .map(
        ({ at, said, tone }) =>
          html`<li class="${tone}">${moment(new Date(at).toISOString())} <span>${said}</span></li>\n`,
      )}</ol></section>`;
}

function requestEvents({ times: { stock }, view: { plan, request } }: TimedSync, end: number): Event[] {
  const from = Date.parse(request.requestedAt);
  const last = stock?.at(-1);
  const names = stock?.map(({ server }) => server) ?? [];
  const who = names.length > FEW ? count(names.length, 'server') : names.join(', ');
  const to = plan === undefined ? end : Date.parse(plan.createdAt);
  return [
    { at: from, tone: 'plain', said: html`Asked for by ${printable(request.requestedBy)}` },
    ...(last === undefined
      ? []
      : [{ at: within({ from, to }, last.finishedAt), tone: 'plain', said: `Inventories signed: ${who}` } as const]),
    ...(plan === undefined
      ? []
      : [{ at: to, tone: 'plain', said: html`Plan <code>${shortCode(plan.digest)}</code> made and signed` } as const]),
  ];
}

function approvalEvents({ times, view: { request } }: TimedSync): Event[] {
  const { asked, cancelled, votes } = times;
  const people = request.notify.length === 0 ? '' : `, ${count(request.notify.length, 'mail')} sent`;
  return [
    ...(asked === undefined
      ? []
      : [{ at: Date.parse(asked), tone: 'plain', said: `Approval asked for${people}` } as const]),
    ...votes.map(({ at, by, comment, decision, via }): Event => {
      const verb = decision === 'APPROVED' ? 'approved' : 'rejected';
      const said = html`${printable(by)} ${verb} it (${printable(via)})${comment === undefined ? '' : `: ${printable(comment)}`}`;
      return { at: Date.parse(at), tone: decision === 'APPROVED' ? 'good' : 'warning', said };
    }),
    ...(cancelled === undefined
      ? []
      : [{ at: Date.parse(cancelled.at), tone: 'warning', said: `Stopped by ${printable(cancelled.by)}` } as const]),
  ];
}

function waveEvents({ times: { destinations, halted, waves } }: TimedSync, end: number): Event[] {
  const begun = waves.map(({ begun: at, first, last, servers }, index): Event => {
    const former = waves[index - 1];
    const ended = former === undefined ? '' : `${nameOf(former)} ended; `;
    const name = nameOf({ first, last });
    const said = former === undefined ? name : name.toLowerCase();
    return { at: Date.parse(at), tone: 'busy', said: `${ended}${said} began: ${count(servers, 'destination')}` };
  });
  const answers = destinations.flatMap(({ ordered, receipt, server }): Event[] => {
    if (receipt === undefined) return [];
    const word = receipt.outcome.replaceAll('_', ' ').toLowerCase();
    const tone = receipt.outcome === 'SUCCEEDED' ? 'good' : 'bad';
    return [
      {
        at: within({ from: Date.parse(ordered), to: end }, receipt.finishedAt),
        tone,
        said: `${server} signed its receipt: ${word}`,
      },
    ];
  });
  if (halted === undefined) return [...begun, ...answers];
  const why = `${count(halted.bad, 'destination')} ended badly, the error budget is ${halted.budget}`;
  return [
    ...begun,
    ...answers,
    { at: Date.parse(halted.at), tone: 'bad', said: `Halted in wave ${halted.wave + 1}: ${why}` },
  ];
}

function endEvents({ view: { verdict } }: TimedSync): Event[] {
  if (verdict === undefined) return [];
  return [
    { at: Date.parse(verdict.finishedAt), tone: 'plain', said: html`The verdict: ${verdictBadge(verdict.verdict)}` },
  ];
}

function nameOf({ first, last }: { readonly first: number; readonly last: number }): string {
  return first === last ? `Wave ${first}` : `Waves ${first} to ${last}`;
}

const FEW = 5;
