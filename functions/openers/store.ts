import * as z from 'zod';
import { openS3Client } from '#adapters/s3-client.ts';
import { S3Store } from '#adapters/s3-store.ts';
import { parseValue } from '#core/documents.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Environment } from '../open-dependencies.ts';

const schema = z.object({
  /** S3 names whole keys in its events, and the workflow reads its items by whole keys. */
  LOCKSTEP_STORE: z
    .string()
    .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected a whole bucket, s3://BUCKET without a prefix'),
});

export async function openStore(environment: Environment): Promise<ObjectStore> {
  const { LOCKSTEP_STORE } = parseValue('environment of the function', schema, environment);
  return new S3Store({ client: await openS3Client(), bucket: LOCKSTEP_STORE.slice('s3://'.length), prefix: '' });
}
