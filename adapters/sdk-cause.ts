/**
 * What the AWS SDK threw, as it may be logged. The SDK's own error carries whatever the service answered, and that may be
 * the access key, the string to sign, or a task token.
 */
export class SdkCause extends Error {
  override readonly name: string;
  readonly status: number | undefined;
  /** What the service's support asks for. */
  readonly requestId: string | undefined;

  constructor(error: Error & { readonly $metadata?: { httpStatusCode?: number; requestId?: string } }) {
    super(withoutSecrets(error.message));
    this.name = error.name;
    this.status = error.$metadata?.httpStatusCode;
    this.requestId = error.$metadata?.requestId;
    const frames = error.stack?.split('\n').filter((line) => /^ +at /.test(line));
    this.stack = [`${this.name}: ${this.message}`, ...(frames ?? [])].join('\n');
  }
}

/** Of any text, at most a few lines; access keys, and the queries of URLs, where a signature may stand, are left out. */
export function withoutSecrets(text: string): string {
  const shown = text.replace(ACCESS_KEY, '(access key)').replace(QUERY, '?(query)').replace(LONG_WORD, '(secret)');
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
}

const ACCESS_KEY = /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g;
const QUERY = /\?[^\s"'<>]*(?:X-Amz-|Signature=|token=)[^\s"'<>]*/gi;
/** Session and task tokens, signatures in Base64; names, keys and ARNs have something else in between. */
const LONG_WORD = /[A-Za-z0-9+/=_-]{100,}/g;
const LONGEST = 500;
