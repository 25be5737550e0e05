import picomatch from 'picomatch';
import { foldPath } from './path-rules.ts';
import type { ArtifactClass } from './profile.ts';

/** Never read into the store, never written; hashed before and after for the proof. */
const PROTECTED_CLASSES = ['license', 'identity'] as const;

/** Neither looked at nor touched: logs, temporary files. */
export const IGNORE_CLASS = 'ignore';

/** No rule matches: reported, never copied, never removed. */
export const UNRECOGNISED = 'unrecognised';

export function isProtectedClass(name: string): boolean {
  return (PROTECTED_CLASSES as readonly string[]).includes(name);
}

/** Whether files of this class travel: neither protected, nor ignored, nor unrecognised. */
export function isSyncedClass(name: string): boolean {
  return !isProtectedClass(name) && name !== IGNORE_CLASS && name !== UNRECOGNISED;
}

/**
 * Sorts paths into classes. Globs are compared without regard to case or Unicode normal form, so that an alias
 * of a protected name is protected too; a protecting rule wins over any other, wherever it stands. The answer is
 * the same on every platform.
 */
export function classifier({ rules: listed }: { readonly rules: readonly Rule[] }): (path: string) => ArtifactClass {
  const rules = listed.map((rule) => ({
    class: rule.class,
    matches: picomatch(rule.match.map(foldPath), { dot: true, nonegate: true, windows: false }),
  }));
  const ordered = [
    ...rules.filter((rule) => isProtectedClass(rule.class)),
    ...rules.filter((rule) => !isProtectedClass(rule.class)),
  ];
  return (path) => {
    const folded = foldPath(path);
    return ordered.find((rule) => rule.matches(folded))?.class ?? UNRECOGNISED;
  };
}

interface Rule {
  readonly class: ArtifactClass;
  readonly match: readonly string[];
}
