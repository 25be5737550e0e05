/** Numbers with dots between them, such as `13.1.0`: of a file nothing else is ever told. */
export const PRODUCT_VERSION: RegExp = /^\d{1,9}(\.\d{1,9}){0,5}$/;

const LEADING_VERSION = /^\d{1,9}(?:\.\d{1,9}){0,5}(?!\.?\d)/;

/** Of the first line that begins with the prefix; `undefined` when there is no such line, or no version behind it. */
export function findProductVersion(text: string, prefix: string): string | undefined {
  const line = text
    .split('\n')
    .map((one) => one.trim())
    .find((one) => one.startsWith(prefix));
  return line === undefined ? undefined : LEADING_VERSION.exec(line.slice(prefix.length).trimStart())?.[0];
}

/** Number by number: 13.2 is older than 13.10, and 13 is the same as 13.0. */
export function isOlderVersion(version: string, than: string): boolean {
  const [ours, theirs] = [version.split('.').map(Number), than.split('.').map(Number)];
  for (let index = 0; index < Math.max(ours.length, theirs.length); index++) {
    const [our, their] = [ours[index] ?? 0, theirs[index] ?? 0];
    if (our !== their) return our < their;
  }
  return false;
}
