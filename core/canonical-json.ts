import canonicalize from 'canonicalize';

/** Text of a JSON value in the canonical form of RFC 8785; throws on what JSON cannot say. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('expected a JSON value');
  return text;
}
