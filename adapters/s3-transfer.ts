import type { Readable } from 'node:stream';
import {
  type GetObjectCommandOutput,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { sha256 } from '#core/digest.ts';
import { LockstepError, StorePermanent } from '#core/errors.ts';
import type { ByteRange } from '#core/ports/object-store.ts';
import { assertReadableWhole } from './object-key.ts';
import { BrokenBody } from './s3-errors.ts';
import { SdkCause } from './sdk-cause.ts';

/** Bytes; a larger body goes up in parts. Packs stay below. */
const LARGEST_SINGLE_PUT = 16 * 1024 ** 2;

const PART_SIZE = 8 * 1024 ** 2;

/** Object metadata: SHA-256 of the whole. Of an object that went up in parts S3 only has one of the parts' own. */
const DIGEST = 'lockstep-sha256';

interface UploadRequest extends PutObjectCommandInput {
  readonly Body: Uint8Array;
}

/** The request's conditions hold for an upload in parts too: lib-storage hands them to its completion. */
export async function upload(
  client: S3Client,
  request: UploadRequest,
  signal: AbortSignal | undefined,
): Promise<{ readonly ETag?: string | undefined }> {
  const digest = sha256(request.Body);
  const checked = {
    ...request,
    ChecksumAlgorithm: 'SHA256' as const,
    Metadata: { ...request.Metadata, [DIGEST]: digest },
  };
  if (request.Body.byteLength > LARGEST_SINGLE_PUT) return uploadInParts(client, checked, signal);
  const ChecksumSHA256 = Buffer.from(digest, 'hex').toString('base64');
  return client.send(new PutObjectCommand({ ...checked, ChecksumSHA256 }), signal && { abortSignal: signal });
}

/** On abort this rejects at once; the parts already on their way end, and are then removed, in the background. */
async function uploadInParts(
  client: S3Client,
  params: UploadRequest,
  signal: AbortSignal | undefined,
): Promise<{ readonly ETag?: string | undefined }> {
  const abortController = new AbortController();
  const stop = () => abortController.abort();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await new Upload({ client, params, partSize: PART_SIZE, abortController }).done();
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** BrokenBody unless all bytes came, and are those that were written. */
export async function readWhole(key: string, answer: GetObjectCommandOutput): Promise<Uint8Array> {
  const body = await readBody(key, answer, (size) => assertReadableWhole(key, size));
  const digest = answer.Metadata?.[DIGEST];
  if (digest !== undefined && !isVerified(answer) && sha256(body) !== digest) {
    throw new BrokenBody(key, `what S3 sent is not what was written (SHA-256 ${digest})`);
  }
  return body;
}

/** The SDK has compared the checksum, where the answer has one of the whole. */
function isVerified({ ChecksumSHA256 }: GetObjectCommandOutput): boolean {
  return ChecksumSHA256 !== undefined && !ChecksumSHA256.includes('-');
}

/** BrokenBody unless all bytes of the range came that the object has. */
export async function readRange(
  key: string,
  answer: GetObjectCommandOutput,
  { offset, length }: ByteRange,
): Promise<Uint8Array> {
  return await readBody(key, answer, (size) => {
    const [, first, last, whole] = CONTENT_RANGE.exec(answer.ContentRange ?? '') ?? [];
    if (first === undefined) {
      throw new StorePermanent(key, `S3 answered with ${size} bytes, not the ${length} from ${offset} asked for`);
    }
    const expected = Math.min(offset + length, Number(whole)) - offset;
    if (Number(first) === offset && Number(last) - offset + 1 === expected && size === expected) return;
    throw new BrokenBody(key, `S3 sent ${answer.ContentRange}, ${size} bytes, not ${length} bytes from ${offset}`);
  });
}

const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+)$/;

/** Never holds more than the answer announced. */
async function readBody(
  key: string,
  answer: GetObjectCommandOutput,
  assertSize: (size: number) => void,
): Promise<Uint8Array> {
  const size = answer.ContentLength ?? 0;
  const stream = answer.Body as Readable;
  try {
    assertSize(size);
    return await collect(key, stream, size);
  } catch (error) {
    if (error instanceof LockstepError || !(error instanceof Error)) throw error;
    throw new BrokenBody(key, `S3's answer broke off (${error.name}: ${error.message})`, {
      cause: new SdkCause(error),
    });
  } finally {
    stream.destroy();
  }
}

async function collect(key: string, stream: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const body = new Uint8Array(size);
  const deadline = performance.now() + GRACE_MILLISECONDS + size / LEAST_BYTES_PER_MILLISECOND;
  let filled = 0;
  for await (const chunk of stream) {
    if (filled + chunk.byteLength > size) throw new BrokenBody(key, `S3 sent more than the announced ${size} bytes`);
    body.set(chunk, filled);
    filled += chunk.byteLength;
    if (performance.now() > deadline) throw new BrokenBody(key, `S3 sent only ${filled} of ${size} bytes in time`);
  }
  if (filled < size) throw new BrokenBody(key, `S3 sent ${filled} of the announced ${size} bytes`);
  return body;
}

/** Silence ends a body sooner; drops do not: one that comes slower than any link is broken. */
const GRACE_MILLISECONDS = 60_000;
const LEAST_BYTES_PER_MILLISECOND = 1;
