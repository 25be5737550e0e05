import { type LockstepError, StoreConflict, StorePermanent, StorePrecondition, StoreTransient } from '#core/errors.ts';

/** What the SDK throws, as far as it is of use: a service's answer, or a failure on the way. */
interface S3Fault {
  /** The service's code where the answer had a body (a HEAD has none), else the kind of failure. */
  readonly name: string;
  readonly message: string;
  /** Node's code of a failed connection. */
  readonly code: string;
  readonly status: number | undefined;
  readonly attempts: number;
}

export function parseFault(error: unknown): S3Fault {
  if (!(error instanceof Error)) return { name: '', message: String(error), code: '', status: undefined, attempts: 1 };
  const { $metadata: metadata, code } = error as Error & { $metadata?: Metadata; code?: unknown };
  return {
    name: error.name,
    message: error.message,
    code: typeof code === 'string' ? code : '',
    status: metadata?.httpStatusCode,
    attempts: metadata?.attempts ?? 1,
  };
}

interface Metadata {
  readonly httpStatusCode?: number;
  readonly attempts?: number;
}

/**
 * There is no such object, or, which S3 does not tell apart for who may not list, no permission. A 403 that names
 * something wrong with the caller (see CALLER_FAULTS) is not taken for absence.
 */
export function isAbsence({ name, status }: S3Fault): boolean {
  if (status === 404) return name !== 'NoSuchBucket';
  return status === 403 && !(name in CALLER_FAULTS);
}

const CALLER_FAULTS: Readonly<Record<string, string>> = {
  AccountProblem: 'there is a problem with the AWS account',
  AllAccessDisabled: 'all access to the bucket is disabled',
  ExpiredToken: 'the AWS credentials have expired; renew them',
  InvalidAccessKeyId: 'the AWS access key does not exist; check the credentials',
  InvalidObjectState: 'the object is archived; restore it first',
  InvalidToken: 'the AWS session token is not valid; renew the credentials',
  RequestTimeTooSkewed: "this machine's clock is wrong; set it",
  SignatureDoesNotMatch: 'the AWS secret key does not match the access key; check the credentials',
};

/** Sorts a fault of the SDK into a StoreError. */
export function toStoreError(key: string, error: unknown): LockstepError {
  const fault = parseFault(error);
  const { name, message, status } = fault;
  const cause = { cause: error };
  if (status === 412) return new StorePrecondition(key, 'it has changed, or exists already', cause);
  if (status === 409) return new StoreConflict(key, `another write was under way (${name})`, cause);
  if (name === 'NoSuchBucket') return new StorePermanent(key, 'the bucket does not exist; check the store URL', cause);
  if (isTransient(fault)) return new StoreTransient(key, `S3 did not answer as it should (${name}: ${message})`, cause);
  if (status === 403) return new StorePermanent(key, CALLER_FAULTS[name] ?? 'no permission; check the policy', cause);
  if (status === 501) return new StorePermanent(key, 'this service cannot do conditional writes; use another', cause);
  return new StorePermanent(key, `S3 refused (${name}: ${message})`, cause);
}

/** An upload that is gone was completed by a lost attempt, or cleared away: the same call starts a new one. */
const TRANSIENT_NAMES = new Set(['NoSuchUpload', 'RequestTimeout', 'SlowDown', 'ThrottlingException', 'TimeoutError']);

const TRANSIENT_CODES = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
]);

function isTransient({ name, message, code, status }: S3Fault): boolean {
  if (TRANSIENT_NAMES.has(name) || TRANSIENT_CODES.has(code)) return true;
  if (message.startsWith('Checksum mismatch')) return true;
  return status === 429 || (status !== undefined && status >= 500 && status !== 501);
}
