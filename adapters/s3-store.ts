import { randomUUID } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import pRetry from 'p-retry';
import { LockstepError, StorePermanent, StorePrecondition } from '#core/errors.ts';
import type {
  ByteRange,
  CallOptions,
  ListFoldersOptions,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from '#core/ports/object-store.ts';
import { assertByteRange, assertObjectKey, isObjectKey } from './object-key.ts';
import { BrokenBody, isAbsence, isWorthRepeating, parseFault, toStoreError } from './s3-errors.ts';
import { readRange, readWhole, upload } from './s3-transfer.ts';
import { SdkCause } from './sdk-cause.ts';

/** Object metadata that tells one's own write from another's with the same bytes. */
const WRITE_ID = 'lockstep-write';

interface S3Location {
  readonly client: S3Client;
  readonly bucket: string;
  /** Put before every key with a slash; may be empty. */
  readonly prefix: string;
  /** The AWS account that the bucket must belong to: S3 refuses every call (403) where it belongs to another. */
  readonly owner?: string | undefined;
}

type Condition = Pick<PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>;

/**
 * A bucket, or a part of one. Concurrency control is S3's own: `If-None-Match: *` and `If-Match`, which on a multipart
 * upload count when it is completed. An etag is S3's: writing the same bytes again may give the same etag. An upload
 * in parts that is cut off leaves parts behind: the bucket needs a lifecycle rule that aborts incomplete uploads.
 *
 * Every body goes up with its SHA-256, which S3 verifies, and an object that is read whole is verified on arrival. A range
 * carries no checksum: who reads one compares the digests of what is in it.
 */
export class S3Store implements ObjectStore {
  readonly url: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #owner: { readonly ExpectedBucketOwner?: string };

  constructor({ client, bucket, owner, prefix }: S3Location) {
    this.url = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#owner = owner === undefined ? {} : { ExpectedBucketOwner: owner };
  }

  async get(key: string, options?: CallOptions): Promise<StoredObject | undefined> {
    return this.#read(key, options, async () => this.#whole(key, {}, options));
  }

  async getIfChanged(
    key: string,
    etag: string,
    options?: CallOptions,
  ): Promise<StoredObject | 'not-modified' | undefined> {
    return this.#read(key, options, async () => {
      try {
        return await this.#whole(key, { IfNoneMatch: etag }, options);
      } catch (error) {
        if (parseFault(error).status === 304) return 'not-modified';
        throw error;
      }
    });
  }

  async getRange(key: string, range: ByteRange, options?: CallOptions): Promise<Uint8Array | undefined> {
    assertByteRange(key, range);
    const { offset, length } = range;
    if (length === 0) return (await this.head(key, options)) && new Uint8Array();
    return this.#read(key, options, async () => {
      try {
        const command = new GetObjectCommand({ ...this.#at(key), Range: `bytes=${offset}-${offset + length - 1}` });
        const answer = await this.#client.send(command, sending(options));
        return await readRange(key, answer, range);
      } catch (error) {
        // The object ends before the range begins.
        if (parseFault(error).status === 416) return new Uint8Array();
        throw error;
      }
    });
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#read(key, options, async () => {
      const { ContentLength, ETag, LastModified } = await this.#head(key, options);
      return infoOf(key, { Size: ContentLength, ETag, LastModified });
    });
  }

  async put(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#write({ key, body, condition: {}, options });
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<{ readonly etag: string }> {
    return this.#write({ key, body, condition: { IfNoneMatch: '*' }, options });
  }

  async replace(
    key: string,
    body: Uint8Array,
    etag: string,
    options?: CallOptions,
  ): Promise<{ readonly etag: string }> {
    return this.#write({ key, body, condition: { IfMatch: etag }, options });
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    for await (const { Contents = [] } of this.#pages(prefix, {}, options)) {
      for (const { Key = '', ...facts } of Contents) {
        const key = Key.slice(this.#prefix.length);
        if (isObjectKey(key)) yield infoOf(key, facts);
      }
    }
  }

  async *listFolders(prefix: string, options: ListFoldersOptions = {}): AsyncGenerator<string> {
    const { from } = options;
    const start = from && { StartAfter: this.#prefix + prefix + from };
    for await (const { CommonPrefixes = [] } of this.#pages(prefix, { Delimiter: '/', ...start }, options)) {
      for (const { Prefix = '' } of CommonPrefixes) {
        const name = Prefix.slice(this.#prefix.length + prefix.length, -1);
        if (isObjectKey(name)) yield name;
      }
    }
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    await this.#call(key, options, () => this.#client.send(new DeleteObjectCommand(this.#at(key)), sending(options)));
  }

  async *#pages(
    prefix: string,
    wanted: Pick<ListObjectsV2CommandInput, 'Delimiter' | 'StartAfter'>,
    options: CallOptions | undefined,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    const input = { Bucket: this.#bucket, ...this.#owner, Prefix: this.#prefix + prefix, ...wanted };
    let next: string | undefined;
    do {
      const from = { ...input, ContinuationToken: next };
      const page = await this.#call(prefix, options, () => this.#listPage(prefix, from, options));
      yield page;
      next = page.NextContinuationToken;
    } while (next !== undefined);
  }

  /** A page that lacks entries would be taken for a store that lacks objects. */
  async #listPage(
    prefix: string,
    input: ListObjectsV2CommandInput,
    options: CallOptions | undefined,
  ): Promise<ListObjectsV2CommandOutput> {
    const page = await this.#client.send(new ListObjectsV2Command(input), sending(options));
    const { CommonPrefixes = [], Contents = [], IsTruncated = false, NextContinuationToken } = page;
    const listed = Contents.length + CommonPrefixes.length;
    const { KeyCount = listed } = page;
    if (KeyCount === listed && IsTruncated === (NextContinuationToken !== undefined)) return page;
    throw new BrokenBody(prefix, `S3 listed ${listed} objects of a page of ${KeyCount}, or lost the next page`);
  }

  async #whole(
    key: string,
    condition: { IfNoneMatch?: string },
    options: CallOptions | undefined,
  ): Promise<StoredObject> {
    const command = new GetObjectCommand({ ...this.#at(key), ...condition });
    const answer = await this.#client.send(command, sending(options));
    return { body: await readWhole(key, answer), etag: etagOf(key, answer) };
  }

  #head(key: string, options: CallOptions | undefined): Promise<HeadObjectCommandOutput> {
    return this.#client.send(new HeadObjectCommand(this.#at(key)), sending(options));
  }

  async #write({ key, body, condition, options }: Write): Promise<{ readonly etag: string }> {
    const id = randomUUID();
    let mayBeOurs = false;
    return this.#call(key, options, async () => {
      const request = { ...this.#at(key), ...condition, Body: body, Metadata: { [WRITE_ID]: id } };
      try {
        return { etag: etagOf(key, await upload(this.#client, request, options?.signal)) };
      } catch (error) {
        const { attempts, name } = parseFault(error);
        const own = mayBeOurs || attempts > 1 ? await this.#ownWrite(key, id, error, options) : undefined;
        mayBeOurs = true;
        if (own !== undefined) return own;
        // `If-Match` on what does not exist.
        if (condition.IfMatch !== undefined && name === 'NoSuchKey') {
          throw new StorePrecondition(key, 'it is gone', { cause: new SdkCause(error as Error) });
        }
        throw error;
      }
    });
  }

  /**
   * A write whose answer was lost is repeated, and the repetition fails on the condition that the first attempt
   * fulfilled. Only the write's id tells that from a lost race: two callers may create the same bytes, and one only may
   * have succeeded. Who may not read the object, or is overtaken in between, still gets StorePrecondition.
   */
  async #ownWrite(
    key: string,
    id: string,
    error: unknown,
    options: CallOptions | undefined,
  ): Promise<{ readonly etag: string } | undefined> {
    const { name, status } = parseFault(error);
    if (status !== 412 && name !== 'NoSuchUpload') return undefined;
    const current = await this.#read(key, options, () => this.#head(key, options));
    return current?.Metadata?.[WRITE_ID] === id ? { etag: etagOf(key, current) } : undefined;
  }

  async #read<T>(key: string, options: CallOptions | undefined, action: () => Promise<T>): Promise<T | undefined> {
    return this.#call(key, options, async () => {
      try {
        return await action();
      } catch (error) {
        if (isAbsence(parseFault(error))) return undefined;
        throw error;
      }
    });
  }

  /** What the SDK gives up at once, and need not be: see isWorthRepeating. */
  async #call<T>(key: string, options: CallOptions | undefined, action: () => Promise<T>): Promise<T> {
    const signal = options?.signal;
    try {
      return await pRetry(action, {
        retries: REPETITIONS,
        minTimeout: PAUSE_MILLISECONDS,
        randomize: true,
        shouldRetry: ({ error }) => isWorthRepeating(error),
        ...(signal && { signal }),
      });
    } catch (error) {
      throw sorted(key, error, options);
    }
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string; readonly ExpectedBucketOwner?: string } {
    assertObjectKey(key);
    return { Bucket: this.#bucket, ...this.#owner, Key: this.#prefix + key };
  }
}

const REPETITIONS = 3;
/** Doubled each time, and made longer by a random part. */
const PAUSE_MILLISECONDS = 100;

interface Write {
  readonly key: string;
  readonly body: Uint8Array;
  readonly condition: Condition;
  readonly options: CallOptions | undefined;
}

function infoOf(key: string, facts: Facts): ObjectInfo {
  return {
    key,
    size: facts.Size ?? 0,
    etag: etagOf(key, facts),
    modified: facts.LastModified ?? new Date(0),
  };
}

interface Facts {
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

function etagOf(key: string, { ETag }: { readonly ETag?: string | undefined }): string {
  if (ETag === undefined) throw new StorePermanent(key, 'S3 answered without an etag; is this an S3 service?');
  return ETag;
}

function sending(options: CallOptions | undefined): { abortSignal?: AbortSignal } {
  return options?.signal === undefined ? {} : { abortSignal: options.signal };
}

function sorted(key: string, error: unknown, options: CallOptions | undefined): unknown {
  if (options?.signal?.aborted) return options.signal.reason;
  return error instanceof LockstepError ? error : toStoreError(key, error);
}
