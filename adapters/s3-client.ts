import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { BadInput } from '#core/errors.ts';

/**
 * `adaptive`: told to slow down (503 SlowDown), a client lowers its own rate for all its calls and raises it again by and
 * by. One client speaks to one bucket, so that none is slowed for another's sake; and it is the many agents of a wave,
 * or the many reads of one function, that S3 tells to slow down. Pauses are random, and end when the caller aborts.
 */
const RETRIES = { retryMode: 'adaptive', maxAttempts: 5 } as const;

/** Milliseconds until a connection stands, and that it may stay silent: a lost network must not stop an agent for good. */
const REQUEST_HANDLER = { connectionTimeout: 10_000, socketTimeout: 60_000 };

/** What no variable of the environment turns off, or may be otherwise on this machine. */
const ALWAYS = {
  requestChecksumCalculation: 'WHEN_SUPPORTED',
  responseChecksumValidation: 'WHEN_SUPPORTED',
  // The SDK would open a new connection for each body above 2 MB, as every pack is, and wait up to six seconds in it.
  expectContinueHeader: false,
} as const;

/** A client that is patient enough for a store; `config` is for what else it needs, and for tests in a hurry. */
export function createS3Client(config: S3ClientConfig = {}): S3Client {
  return new S3Client({ ...RETRIES, requestHandler: REQUEST_HANDLER, ...ALWAYS, ...config });
}

/**
 * A client for the endpoint, region and credentials of the SDK's own variables and files, FIPS and dual-stack endpoints
 * included (AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT). AWS_MAX_ATTEMPTS may ask for more attempts, not for fewer.
 */
export async function openS3Client(): Promise<S3Client> {
  const plain = new S3Client();
  try {
    await plain.config.region();
  } catch (error) {
    throw new BadInput('no AWS region is set; set AWS_REGION', { cause: error });
  }
  const endpoint = await plain.config.serviceConfiguredEndpoint?.();
  if (endpoint !== undefined) assertPrivate(endpoint);
  const maxAttempts = Math.max(RETRIES.maxAttempts, await plain.config.maxAttempts());
  // Services other than AWS rarely have a host name per bucket.
  return createS3Client({ maxAttempts, forcePathStyle: endpoint !== undefined });
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Files of a plant, and signatures that whoever overhears them can use for minutes, travel encrypted or not at all. */
function assertPrivate(endpoint: string): void {
  const url = URL.parse(endpoint);
  const shown = url === null ? JSON.stringify(endpoint) : `${url.protocol}//${url.host}`;
  if (url?.username || url?.password) throw new BadInput(`the endpoint ${shown} must not hold a user or password`);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname))) return;
  throw new BadInput(`the endpoint ${shown} is not an https:// address; without it only this machine can be spoken to`);
}
