import { getBorderCharacters, table } from 'table';
import type { Paint } from './text.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** A table with a line below its titles. Cells must be printable. */
export function grid(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string {
  const titles = columns.map(({ title }) => paint('strong', title));
  return table([titles, ...rows.map((row) => [...row])], {
    border: getBorderCharacters('norc'),
    columns: columns.map(({ align }) => ({ alignment: align ?? 'left' })),
    drawHorizontalLine: (line, lines) => line < 2 || line === lines,
  });
}
