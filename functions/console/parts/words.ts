import { html } from 'hono/html';
import prettyBytes from 'pretty-bytes';
import { type DestinationVerdict, type SyncVerdict, toneOf } from '#core/verdict.ts';
import type { Html } from './layout.ts';

export type Tone = 'good' | 'busy' | 'warning' | 'bad' | 'plain';

/** Colour only repeats what the word says. */
export function badge(tone: Tone, word: string): Html {
  return html`<span class="badge ${tone}">${word}</span>`;
}

export function verdictBadge(verdict: SyncVerdict['verdict'] | DestinationVerdict['verdict']): Html {
  return badge(toneOf(verdict), verdict.replaceAll('_', ' ').toLowerCase());
}

/** The browser's own language and time zone take its place once its script runs. */
export function moment(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

export function bytes(count: number): string {
  return prettyBytes(count);
}
