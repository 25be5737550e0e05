import { ANYBODY, type Condition, type Permission } from '#cdk/permission-table.ts';

/** What AWS would be asked: may this caller do that to this, under these circumstances? */
export interface Call {
  /** A role of the stack, as the table of permissions names it. */
  readonly who: string;
  readonly action: string;
  /** `StoreBucket/packs/...`. */
  readonly resource: string;
  /** Condition keys that the call carries. */
  readonly context: Readonly<Record<string, string>>;
}

/** IAM's rule, for callers and resources of one account: something allows it, and nothing denies it. */
export function isAllowed(permissions: readonly Permission[], call: Call): boolean {
  const withTransport = {
    ...call,
    context: { 'aws:SecureTransport': 'true', 's3:TlsVersion': '1.3', ...call.context },
  };
  const about = permissions.filter((one) => isAbout(one, withTransport));
  const isDenied = about.some(({ effect }) => effect === 'Deny');
  return !isDenied && about.some(({ effect, stands }) => effect === 'Allow' && stands === 'with the caller');
}

function isAbout({ actions, conditions, resource, who }: Permission, call: Call): boolean {
  const pattern = fillIn(resource, call.context);
  return (
    (who === call.who || who === ANYBODY) &&
    actions.some((action) => matches(action.toLowerCase(), call.action.toLowerCase())) &&
    pattern !== undefined &&
    matches(pattern, call.resource) &&
    conditions.every((condition) => holds(condition, call.context))
  );
}

/** A policy variable without a value matches nothing. */
function fillIn(resource: string, context: Call['context']): string | undefined {
  let isWhole = true;
  const filled = resource.replaceAll(/\$\{([^}]+)\}/g, (_, key: string) => {
    const value = context[key];
    isWhole &&= value !== undefined;
    return value ?? '';
  });
  return isWhole ? filled : undefined;
}

function holds({ key, operator, values }: Condition, context: Call['context']): boolean {
  const value = context[key];
  if (operator === 'Null') return values.includes(String(value === undefined));
  if (value === undefined) return false;
  switch (operator) {
    case 'Bool':
    case 'StringEquals':
      return values.includes(value);
    case 'ArnEquals':
    case 'ArnLike':
    case 'StringLike':
      return values.some((pattern) => matches(pattern, value));
    case 'NumericLessThan':
      return values.some((limit) => Number(value) < Number(limit));
    default:
      throw new Error(`nobody has taught the tests the operator ${operator}`);
  }
}

/** As in an ARN: `*` is any number of characters, slashes too, and `?` exactly one. */
export function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}
