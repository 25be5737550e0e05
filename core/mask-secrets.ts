import type { Secrets } from './secret-rules.ts';

/**
 * The lines of a text with what is likely a secret in them masked, one for one. Fixed rules, by name:
 * - of a line with a word for a secret (`adminPassword`, `api_key`, `community`, …) the rest behind that word, and what is
 *   indented below it; a line that goes on behind a backslash goes on here, too;
 * - what stands between the BEGIN and the END of a private key;
 * - the password of a user in an address (`https://user:password@host`).
 * And what the profile says besides: behind which other names, and where nothing is shown. A secret that nothing names is
 * shown.
 */
export function maskSecrets(lines: readonly string[], secrets: Secrets = NOTHING_ELSE): string[] {
  if (secrets === 'all') return lines.map((line) => (line.trim() === '' ? line : MASK));
  const endOfName = (line: string) => endOfFirst(line, (word) => isSecretName(word) || secrets.isNamed(word));
  let below: number | undefined;
  let isKey = false;
  let goesOn = false;
  return lines.map((line) => {
    if (isKey || KEY_BEGINS.test(line)) {
      const isFirst = !isKey;
      isKey = !KEY_ENDS.test(line);
      return isFirst || !isKey ? line.replace(KEY_TEXT, MASK) : MASK;
    }
    const indent = indentOf(line);
    const isInside = goesOn || (below !== undefined && (line.trim() === '' || indent > below));
    goesOn = isInside || endOfName(line) !== undefined ? line.trimEnd().endsWith('\\') : false;
    if (isInside) return line.trim() === '' ? line : `${line.slice(0, indent)}${MASK}`;
    const at = endOfName(line);
    below = at === undefined ? undefined : indent;
    return at === undefined ? line.replace(USER, `$1${MASK}@`) : maskBehind(line, at);
  });
}

function maskBehind(line: string, at: number): string {
  const value = /[^\s:=>"'|,({[\]})]/.exec(line.slice(at));
  return value === null ? line : `${line.slice(0, at + value.index)}${MASK}`;
}

/** Behind the first word that names a secret. */
function endOfFirst(line: string, isNamed: (word: string) => boolean): number | undefined {
  for (const { 0: word, index } of line.matchAll(WORD)) if (isNamed(word)) return index + word.length;
  return undefined;
}

function isSecretName(word: string): boolean {
  const parts = word
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/);
  return ANYWHERE.test(word) || parts.some((part) => ALONE.has(part));
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

const NOTHING_ELSE: Secrets = { isNamed: () => false };
export const MASK = '••••••••';
const WORD = /[A-Za-z][A-Za-z0-9_.-]*/g;
const ANYWHERE =
  /passw|passphrase|passcode|secret|token|credential|apikey|privatekey|sharedkey|accesskey|authorization/i;
const ALONE = new Set(['pwd', 'pass', 'psk', 'key', 'keys', 'community', 'bearer', 'pin']);
const USER = /(\/\/[^\s/:@]*:)[^\s/@]+@/g;
const KEY_BEGINS = /-----BEGIN [A-Z ]*PRIVATE KEY/;
const KEY_ENDS = /-----END [A-Z ]*PRIVATE KEY/;
/** Beside the two marks, where they stand on one line with it. */
const KEY_TEXT = /(?<=-----BEGIN [A-Z ]*PRIVATE KEY-----).+?(?=-----END|$)|^.+(?=-----END)/g;
