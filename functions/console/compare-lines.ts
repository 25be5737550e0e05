import { diffArrays } from 'diff';
import { maskSecrets } from '#core/mask-secrets.ts';
import type { Secrets } from '#core/secret-rules.ts';

export interface ComparedLine {
  readonly kind: 'same' | 'removed' | 'added' | 'gap';
  /** Numbers of the line in the old and in the new text, from 1. */
  readonly old?: number;
  readonly new?: number;
  /** Secrets in it are masked. */
  readonly text: string;
}

/**
 * Two texts line by line, with a few lines around each change. Lines are compared as they are and masked where they are
 * shown: that a secret has changed is seen, and not which it is. `undefined` when too much differs to be worth it.
 */
export function compareLines(before: string, after: string, secrets: Secrets): ComparedLine[] | undefined {
  const [old, fresh] = [linesOf(before), linesOf(after)];
  const changes = diffArrays(old, fresh, { maxEditLength: MOST_EDITS });
  if (changes === undefined) return undefined;
  const [oldShown, freshShown] = [maskSecrets(old, secrets), maskSecrets(fresh, secrets)];
  const compared: ComparedLine[] = [];
  let [a, b] = [0, 0];
  for (const { added, count, removed } of changes) {
    for (let line = 0; line < count; line++) {
      if (removed) compared.push({ kind: 'removed', old: a + 1, text: oldShown[a++] ?? '' });
      else if (added) compared.push({ kind: 'added', new: b + 1, text: freshShown[b++] ?? '' });
      else {
        // Masked where it stands below a secret on either side.
        const text = oldShown[a] === old[a] ? freshShown[b] : oldShown[a];
        compared.push({ kind: 'same', old: ++a, new: ++b, text: text ?? '' });
      }
    }
  }
  return withoutFarLines(compared);
}

/** A text by itself. */
export function showLines(text: string, secrets: Secrets): ComparedLine[] {
  return maskSecrets(linesOf(text), secrets).map((line, index) => ({ kind: 'same', new: index + 1, text: line }));
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function withoutFarLines(lines: readonly ComparedLine[]): ComparedLine[] {
  const isNear = new Uint8Array(lines.length);
  for (const [index, { kind }] of lines.entries())
    if (kind !== 'same') isNear.fill(1, Math.max(0, index - AROUND), index + AROUND + 1);
  const shown: ComparedLine[] = [];
  for (const [index, line] of lines.entries()) {
    if (isNear[index] === 1) shown.push(line);
    else if (shown.at(-1)?.kind !== 'gap') shown.push({ kind: 'gap', text: '…' });
  }
  return shown;
}

const AROUND = 3;
/** Lines removed and added; beyond, a comparison takes long and tells little. */
const MOST_EDITS = 2000;
