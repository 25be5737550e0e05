import { html } from 'hono/html';
import type { Html } from './layout.ts';

export type Cell = Html | string | number;

export interface Table {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Said where there are no rows: what to do first. */
  readonly empty: Html | string;
}

export function table({ caption, columns, empty, rows }: Table): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const classes = columns.map((_, index) => (isOfNumbers(rows.map((row) => row[index])) ? html` class="number"` : ''));
  // Lines of their own: whoever follows a page is sent those that change.
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
      <caption>${caption}</caption>
      <thead><tr>${columns.map((title, index) => html`<th scope="col"${classes[index]}>${title}</th>`)}</tr></thead>
      <tbody>
${rows.map((row) => html`<tr>${row.map((cell, index) => html`\n<td${classes[index]}>${cell}</td>`)}</tr>\n`)}</tbody>
    </table></div>`;
}

/** Some may be left out. Numbers of one column stand below each other. */
function isOfNumbers(cells: readonly (Cell | undefined)[]): boolean {
  const said = cells.filter((cell) => cell !== '');
  return said.length > 0 && said.every(isNumber);
}

function isNumber(cell: Cell | undefined): boolean {
  return typeof cell === 'number' || (typeof cell === 'string' && /^[\d.,]+( [kMGTPE]?B)?$/.test(cell));
}
