import picomatch from 'picomatch';
import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { type Sha256, sha256 } from './digest.ts';
import { foldPath } from './path-rules.ts';

/** Never read into the store, never written; hashed before and after for the proof. */
const PROTECTED_CLASSES = ['license', 'identity'] as const;

/** Neither looked at nor touched: logs, temporary files. */
export const IGNORE_CLASS = 'ignore';

/** No rule matches: reported, never copied, never removed. */
export const UNRECOGNISED = 'unrecognised';

export const artifactClassSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'expected a lower-case word')
  .refine((name) => name !== UNRECOGNISED, `${UNRECOGNISED} is what no rule matches`);

/** `firmware`, `termcap`, `module`, … or one of the classes above. */
export type ArtifactClass = z.infer<typeof artifactClassSchema>;

/** What a site engineer reviews: which file is what. The first rule that matches counts, protection before all. */
export const profileSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'expected lower-case letters, digits and dashes'),
  version: z.int().positive(),
  description: z.string().max(2000).optional(),
  rules: z
    .array(z.strictObject({ class: artifactClassSchema, match: z.array(z.string().min(1).max(1000)).min(1).max(1000) }))
    .min(1)
    .max(200),
});

export type Profile = z.infer<typeof profileSchema>;

export function profileDigest(profile: Profile): Sha256 {
  return sha256(canonicalJson(profile));
}

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
export function classifier(profile: Profile): (path: string) => ArtifactClass {
  const rules = profile.rules.map((rule) => ({
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
