import { html } from 'hono/html';
import type { Html } from './layout.ts';

/** A stretch of time, in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export type BarTone = 'waiting' | 'fetching' | 'people' | 'busy' | 'good' | 'bad' | 'plain';

export interface Segment extends Span {
  readonly tone: BarTone;
}

/** Drawn for the eye alone: what it shows stands beside it in words. */
export function bar(scale: Span, segments: readonly Segment[]): Html {
  return html`<svg class="bar" aria-hidden="true" focusable="false" width="100%" height="18">${ticksOf(scale).map(
    ({ at }) => html`<line class="tick" x1="${place(scale, at)}" x2="${place(scale, at)}" y1="0" y2="18"/>`,
  )}${segments.map(
    ({ from, to, tone }) =>
      html`<rect class="${tone}" x="${place(scale, from)}" width="${share(scale, Math.max(0, to - from))}" y="4" height="10"/>`,
  )}</svg>`;
}

/** What the places of a bar stand for, from the beginning of the scale. */
export function axis(scale: Span): Html {
  return html`<svg class="axis" aria-hidden="true" focusable="false" width="100%" height="18">${ticksOf(scale).map(
    ({ at, text }) => html`<text x="${place(scale, at)}" y="13">${text}</text>`,
  )}</svg>`;
}

/** A square in the colour of a bar. */
export function swatch(tone: BarTone): Html {
  return html`<svg class="bar" aria-hidden="true" focusable="false" width="12" height="12"><rect class="${tone}" x="1" y="1" width="10" height="10"/></svg>`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `5 h 3 min`. */
export function shortDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds / 1000);
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  if (minutes < 60) return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
  return minutes % 60 === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A running sync is drawn anew only when that can be seen: once it is longer by a hundredth or more, and once a second at most. */
export function roundedDown({ from, to }: Span): number {
  const length = Math.max(1, to - from);
  const step = 1000 * 2 ** Math.max(0, Math.ceil(Math.log2(length / 100_000)));
  return from + Math.floor(length / step) * step;
}

function ticksOf({ from, to }: Span): { readonly at: number; readonly text: string }[] {
  const step = STEPS.find((one) => (to - from) / one <= MOST_TICKS) ?? Math.ceil((to - from) / MOST_TICKS / DAY) * DAY;
  // The last label has to have room before the end.
  const count = Math.floor(((to - from) * 0.9) / step) + 1;
  return Array.from({ length: count }, (_, index) => ({ at: from + index * step, text: shortDuration(index * step) }));
}

function place({ from, to }: Span, at: number): string {
  return share({ from, to }, at - from);
}

function share({ from, to }: Span, length: number): string {
  return `${Number(((100 * length) / Math.max(1, to - from)).toFixed(2))}%`;
}

const MOST_TICKS = 4;
const DAY = 24 * 3600 * 1000;
const STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400,
].map((seconds) => seconds * 1000);
