import type { Readable } from 'node:stream';
import {
  type GetObjectCommandOutput,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { StorePermanent, StoreTransient } from '#core/errors.ts';
import { assertReadableWhole } from './object-key.ts';

/** Bytes; a larger body goes up in parts. Packs stay below. */
const LARGEST_SINGLE_PUT = 16 * 1024 ** 2;

const PART_SIZE = 8 * 1024 ** 2;

interface UploadRequest extends PutObjectCommandInput {
  readonly Body: Uint8Array;
}

/** The request's conditions hold for an upload in parts too: lib-storage hands them to its completion. */
export async function upload(
  client: S3Client,
  request: UploadRequest,
  signal: AbortSignal | undefined,
): Promise<{ readonly ETag?: string | undefined }> {
  if (request.Body.byteLength > LARGEST_SINGLE_PUT) return uploadInParts(client, request, signal);
  return client.send(new PutObjectCommand(request), signal && { abortSignal: signal });
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

/** Never holds more than the answer announced, nor than `limit` bytes, by default those of assertReadableWhole. */
export async function readBody(key: string, answer: GetObjectCommandOutput, limit?: number): Promise<Uint8Array> {
  const size = answer.ContentLength ?? 0;
  const stream = answer.Body as Readable;
  try {
    if (limit === undefined) assertReadableWhole(key, size);
    else if (size > limit) throw new StorePermanent(key, `S3 answered with ${size} bytes, not the ${limit} asked for`);
    return await collect(key, stream, size);
  } finally {
    stream.destroy();
  }
}

async function collect(key: string, stream: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const body = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of stream) {
    if (filled + chunk.byteLength > size)
      throw new StoreTransient(key, `S3 sent more than the announced ${size} bytes`);
    body.set(chunk, filled);
    filled += chunk.byteLength;
  }
  if (filled < size) throw new StoreTransient(key, `S3 sent ${filled} of the announced ${size} bytes`);
  return body;
}
