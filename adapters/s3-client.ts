import { S3Client } from '@aws-sdk/client-s3';
import { BadInput } from '#core/errors.ts';

/** Milliseconds until a connection stands, and that it may stay silent: a lost network must not stop an agent for good. */
const REQUEST_HANDLER = { connectionTimeout: 10_000, socketTimeout: 60_000 };

/** A client for the endpoint, region and credentials of the SDK's own variables and files. */
export async function openS3Client(): Promise<S3Client> {
  const client = new S3Client({ requestHandler: REQUEST_HANDLER });
  try {
    await client.config.region();
  } catch (error) {
    throw new BadInput('no AWS region is set; set AWS_REGION', { cause: error });
  }
  // Services other than AWS rarely have a host name per bucket.
  const hasOwnEndpoint = (await client.config.serviceConfiguredEndpoint?.()) !== undefined;
  return hasOwnEndpoint ? new S3Client({ requestHandler: REQUEST_HANDLER, forcePathStyle: true }) : client;
}
