import { printable } from '#core/printable.ts';
import type { RecoveredApply } from './recover.ts';

/** A line for each apply that was found, for people. */
export function showRecovery(applies: readonly RecoveredApply[]): string {
  if (applies.length === 0) return 'nothing to recover: no apply was cut off here\n';
  return applies
    .map(({ detail, order = 'an apply', tree }) => `${printable(order)}: ${WORDS[tree]}: ${printable(detail)}\n`)
    .join('');
}

const WORDS = {
  old: 'old state restored',
  new: 'new state kept (committed)',
  unsettled: 'NOT SETTLED',
} as const satisfies Record<RecoveredApply['tree'], string>;
