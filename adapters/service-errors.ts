import { ServicePermanent, ServiceTransient } from '#core/errors.ts';
import { SdkCause } from './sdk-cause.ts';

/** Sorts what a client of the AWS SDK throws. What is not of the SDK passes as it is: a bug, or the caller's abort. */
export function toServiceError(service: string, error: unknown): unknown {
  if (!(error instanceof Error) || error.name === 'AbortError') return error;
  const { $metadata, $retryable, code } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const cause = new SdkCause(error);
  const says = `${cause.name}: ${cause.message}`;
  if ($retryable !== undefined || isTransient(error.name, code) || (status ?? 0) >= 500) {
    return new ServiceTransient(service, `it did not answer as it should (${says})`, { cause });
  }
  if (error.name === 'CredentialsProviderError') {
    return new ServicePermanent(service, `there are no AWS credentials (${says})`, { cause });
  }
  if (status === undefined) return error;
  if (error.name.startsWith('AccessDenied') || status === 403) {
    return new ServicePermanent(service, `no permission; check the role's policy (${says})`, { cause });
  }
  return new ServicePermanent(service, `it refused (${says})`, { cause });
}

type SdkError = Error & {
  readonly $metadata?: { readonly httpStatusCode?: number };
  /** Set where the SDK knows that another attempt may help. */
  readonly $retryable?: object;
  /** Node's, of a failed connection. */
  readonly code?: string;
};

function isTransient(name: string, code = ''): boolean {
  return TRANSIENT_NAMES.has(name) || TRANSIENT_CODES.has(code);
}

const TRANSIENT_NAMES = new Set([
  'DependencyTimeoutException',
  'KMSInternalException',
  'KeyUnavailableException',
  'LimitExceededException',
  'RequestTimeout',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
]);

const TRANSIENT_CODES = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);
