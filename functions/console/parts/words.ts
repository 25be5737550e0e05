import { html } from 'hono/html';
import prettyBytes from 'pretty-bytes';
import type { DestinationVerdict, SyncVerdict } from '#core/verdict.ts';
import type { Html } from './layout.ts';

export type Tone = 'good' | 'busy' | 'warning' | 'bad' | 'plain';

/** Colour only repeats what the word says. */
export function badge(tone: Tone, word: string): Html {
  return html`<span class="badge ${tone}">${word}</span>`;
}

export function verdictBadge(verdict: SyncVerdict['verdict'] | DestinationVerdict['verdict']): Html {
  return badge(toneOf(verdict), verdict.replaceAll('_', ' ').toLowerCase());
}

function toneOf(verdict: SyncVerdict['verdict'] | DestinationVerdict['verdict']): Tone {
  switch (verdict) {
    case 'IN_SYNC':
    case 'SUCCEEDED':
    case 'PLANNED':
    case 'VERIFIED':
      return 'good';
    case 'NOT_ATTEMPTED':
    case 'REJECTED':
    case 'EXPIRED':
      return 'warning';
    case 'REFUSED':
    case 'ROLLED_BACK':
    case 'FAILED':
    case 'OFFLINE':
    case 'HALTED':
    case 'DRIFTED':
      return 'bad';
  }
}

/** The browser's own language and time zone take its place once its script runs. */
export function moment(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

export function bytes(count: number): string {
  return prettyBytes(count);
}

export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
