import prettyBytes from 'pretty-bytes';

/** What colour means, so that every view says the same thing the same way. */
export type Tone = 'good' | 'bad' | 'warning' | 'faint' | 'strong';

export type Paint = (tone: Tone, text: string) => string;

export const plainPaint: Paint = (_tone, text) => text;

export function bytes(amount: number): string {
  return prettyBytes(amount);
}

/** `1 file`, `2 files`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function enumerate(names: readonly string[], most = 8): string {
  const shown = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  if (shown.length < 2) return shown.join('');
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

/** `2026-01-02 03:04:05 UTC`. */
export function time(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}
