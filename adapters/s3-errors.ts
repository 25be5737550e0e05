import { type LockstepError, StoreConflict, StorePermanent, StorePrecondition, StoreTransient } from '#core/errors.ts';
import { SdkCause, withoutSecrets } from './sdk-cause.ts';

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
 * something wrong with the caller (see CALLER_FAULTS), or a key of AWS KMS, is not taken for absence.
 */
export function isAbsence(fault: S3Fault): boolean {
  if (fault.status === 404) return fault.name !== 'NoSuchBucket';
  return fault.status === 403 && !(fault.name in CALLER_FAULTS) && !isAboutKms(fault);
}

/** The object is there, and nobody without the key can read it. */
function isAboutKms({ message }: S3Fault): boolean {
  return /\bkms:/i.test(message);
}

const CALLER_FAULTS: Readonly<Record<string, string>> = {
  AccountProblem: 'there is a problem with the AWS account',
  AllAccessDisabled: 'all access to the bucket is disabled',
  AuthorizationHeaderMalformed: 'the bucket is in another region; set AWS_REGION',
  ExpiredToken: 'the AWS credentials have expired; renew them',
  InvalidAccessKeyId: 'the AWS access key does not exist; check the credentials',
  InvalidObjectState: 'the object is archived; restore it first',
  InvalidToken: 'the AWS session token is not valid; renew the credentials',
  PermanentRedirect: 'the bucket is in another region; set AWS_REGION',
  RequestTimeTooSkewed: "this machine's clock is wrong; set it",
  SignatureDoesNotMatch: 'the AWS secret key does not match the access key; check the credentials',
};

/** Sorts a fault of the SDK into a StoreError. */
export function toStoreError(key: string, error: unknown): LockstepError {
  const fault = parseFault(error);
  const { name, status } = fault;
  const says = `${name}: ${withoutSecrets(fault.message)}`;
  const cause = { cause: error instanceof Error ? new SdkCause(error) : error };
  if (status === 412) return new StorePrecondition(key, 'it has changed, or exists already', cause);
  if (status === 409) return new StoreConflict(key, `another write was under way (${name})`, cause);
  if (name === 'NoSuchBucket') return new StorePermanent(key, 'the bucket does not exist; check the store URL', cause);
  if (isTransient(fault)) return new StoreTransient(key, `S3 did not answer as it should (${says})`, cause);
  const advice = CALLER_FAULTS[name];
  if (advice !== undefined) return new StorePermanent(key, advice, cause);
  if (isAboutKms(fault)) return new StorePermanent(key, `no permission for the bucket's key (${says})`, cause);
  if (status === 403) return new StorePermanent(key, 'no permission; check the policy', cause);
  if (status === 301) return new StorePermanent(key, 'the bucket is in another region; set AWS_REGION', cause);
  if (status === 501) return new StorePermanent(key, 'this service cannot do conditional writes; use another', cause);
  return new StorePermanent(key, `S3 refused (${says})`, cause);
}

/** The SDK gives these up at once, and another attempt may go well: see `isWorthRepeating`. */
const DAMAGED_ON_THE_WAY = new Set([
  'BadDigest',
  'IncompleteBody',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** An upload that is gone was completed by a lost attempt, or cleared away: the same call starts a new one. */
const TRANSIENT_NAMES = new Set([
  ...DAMAGED_ON_THE_WAY,
  'NoSuchUpload',
  'RequestTimeout',
  'SlowDown',
  'ThrottlingException',
  'TimeoutError',
]);

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
  if (BROKEN_BODY.test(message)) return true;
  return status === 429 || (status !== undefined && status >= 500 && status !== 501);
}

/** What the SDK says, without a code, of a body that is not what was announced, or is no XML. */
const BROKEN_BODY = /^(?:Checksum mismatch|Connection lost or stream closed)|\bDeserialization error\b/;

/**
 * Of what went wrong, only what the SDK has not repeated itself: it gives up a body that breaks off, a body damaged on
 * its way up, an upload that is gone, and two writes that met (409), which S3 wants to see again.
 */
export function isWorthRepeating(error: Error): boolean {
  if (error instanceof BrokenBody) return true;
  const { message, name, status } = parseFault(error);
  return status === 409 || name === 'NoSuchUpload' || DAMAGED_ON_THE_WAY.has(name) || BROKEN_BODY.test(message);
}

/** An answer began well, and its body did not come as it should. */
export class BrokenBody extends StoreTransient {}
