import * as z from 'zod';
import { foldPath } from './path-rules.ts';

const LONGEST = 200;

/**
 * Stars and plain characters only, for a program that is told a pattern by an agent tries it: `*` for what is within a
 * name, `**` for any folders.
 */
const pathPatternSchema = z
  .string()
  .min(1)
  .max(LONGEST)
  .regex(/^[^?[\]{}()!+@\\|]+$/, 'expected a path with no other wildcards than * and **');

const keyPatternSchema = z
  .string()
  .max(LONGEST)
  .regex(/^[A-Za-z*][A-Za-z0-9_.*-]*$/, 'expected a name of letters, digits, - . _ and the wildcard *');

/** What a profile says of secrets in the files that travel, besides what core/mask-secrets.ts knows by itself. */
export const secretRulesSchema = z
  .array(
    z.strictObject({
      match: z.array(pathPatternSchema).min(1).max(50),
      /** Names behind which the secret stands; absent: nothing in these files is shown. */
      keys: z.array(keyPatternSchema).min(1).max(50).optional(),
    }),
  )
  .min(1)
  .max(50);

export type SecretRules = z.infer<typeof secretRulesSchema>;

/** Of one file. */
export type Secrets = 'all' | { readonly isNamed: (word: string) => boolean };

/** What these rules say of the file at this path, in whatever case its name and its keys are written. */
export function secretsAt(rules: SecretRules | undefined, path: string): Secrets {
  const folded = foldPath(path).split('/');
  const own = (rules ?? []).filter(({ match }) => match.some((one) => matchesPath(foldPath(one).split('/'), folded)));
  if (own.some(({ keys }) => keys === undefined)) return 'all';
  const keys = own.flatMap((rule) => rule.keys ?? []).map((key) => key.toLowerCase());
  return { isNamed: (word) => keys.some((key) => matchesName(key, word.toLowerCase())) };
}

/** Whether the names fit; in time by the product of their numbers, whatever stands in them. */
function matchesPath(pattern: readonly string[], path: readonly string[]): boolean {
  // fits[at]: the part of the pattern so far fits the first `at` names.
  let fits = path.map(() => false);
  fits.unshift(true);
  for (const part of pattern) {
    const before = fits;
    let reached = false;
    fits = before.map((fitted, at) => {
      reached ||= fitted;
      if (part === '**') return reached;
      return at > 0 && before[at - 1] === true && matchesName(part, path[at - 1] ?? '');
    });
  }
  return fits.at(-1) === true;
}

/** `*` for any characters: what stands between two stars is found at its first place, so that nothing is tried twice. */
function matchesName(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let from = first.length;
  for (const piece of rest) {
    const at = name.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return from <= name.length - last.length;
}
