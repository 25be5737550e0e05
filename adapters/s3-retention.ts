import { type ObjectLockRetentionMode, PutObjectRetentionCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Retention } from '#core/ports/retention.ts';
import { toStoreError } from './s3-errors.ts';

export interface RetentionTerms {
  readonly bucket: string;
  /** COMPLIANCE can be shortened by nobody, GOVERNANCE by who has a special permission. */
  readonly mode: ObjectLockRetentionMode;
  readonly days: number;
}

/** S3 Object Lock on the newest version of single objects; the bucket has to be made for it. */
export class S3Retention implements Retention {
  readonly #client: S3Client;
  readonly #terms: RetentionTerms;

  constructor(client: S3Client, terms: RetentionTerms) {
    this.#client = client;
    this.#terms = terms;
  }

  async hold(key: string, from: Date): Promise<void> {
    const { bucket, days, mode } = this.#terms;
    const until = new Date(from.getTime() + days * DAY);
    const request = { Bucket: bucket, Key: key, Retention: { Mode: mode, RetainUntilDate: until } };
    try {
      await this.#client.send(new PutObjectRetentionCommand(request));
    } catch (error) {
      throw toStoreError(key, error);
    }
  }
}

const DAY = 86_400_000;
