import { html } from 'hono/html';
import { printable } from '#core/printable.ts';
import type { Html } from './layout.ts';

/** A path as a page shows it: its beginning and its end, if it is very long. */
export function shownPath(path: string): string {
  const text = printable(path);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST / 2)}…${text.slice(-LONGEST / 2)}`;
}

/** As many of these as `most` characters of markup hold: whoever chose the names in them chose their length. */
export async function takeWithin(pieces: Iterable<Html>, most: number): Promise<Html[]> {
  const taken: Html[] = [];
  let length = 0;
  for (const piece of pieces) {
    length += (await piece).length;
    if (length > most) break;
    taken.push(piece);
  }
  return taken;
}

/** The same address with another query; what is empty is left out. */
export function linkTo(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(query).filter((entry): entry is [string, string] => (entry[1] ?? '') !== '');
  return entries.length === 0 ? path : `${path}?${new URLSearchParams(entries)}`;
}

/** Below a table of which there is more. */
export function moreLinks(first: string | undefined, next: string | undefined): Html | string {
  if (first === undefined && next === undefined) return '';
  return html`<p class="more">${first === undefined ? '' : html`<a href="${first}">To the beginning</a> `}${
    next === undefined ? 'That is all.' : html`<a href="${next}" rel="next">Show what comes next</a>`
  }</p>`;
}

const LONGEST = 200;
