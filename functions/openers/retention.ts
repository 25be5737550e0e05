import * as z from 'zod';
import { openS3Client } from '#adapters/s3-client.ts';
import { S3Retention } from '#adapters/s3-retention.ts';
import { parseValue } from '#core/documents.ts';
import type { Retention } from '#core/ports/retention.ts';
import type { Environment } from '../open-dependencies.ts';

const schema = z.object({
  LOCKSTEP_STORE: z.string().startsWith('s3://'),
  LOCKSTEP_HOLD_MODE: z.enum(['GOVERNANCE', 'COMPLIANCE']),
  LOCKSTEP_HOLD_DAYS: z.coerce.number().pipe(z.int().min(1)),
});

export async function openRetention(environment: Environment): Promise<Retention> {
  const settings = parseValue('environment of the function', schema, environment);
  const { LOCKSTEP_HOLD_DAYS: days, LOCKSTEP_HOLD_MODE: mode, LOCKSTEP_STORE: store } = settings;
  return new S3Retention(await openS3Client(), { bucket: store.slice('s3://'.length), mode, days });
}
