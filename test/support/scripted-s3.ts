import { Readable } from 'node:stream';
import { createS3Client } from '#adapters/s3-client.ts';
import { S3Store } from '#adapters/s3-store.ts';

/** What arrives at the other end of the wire. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface WireAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
}

/** An S3Store whose service is a function; an error that it throws is a connection that failed. */
export function scriptedS3(
  answer: (request: WireRequest, index: number) => WireAnswer,
  { owner }: { readonly owner?: string } = {},
): {
  readonly store: S3Store;
  readonly requests: readonly WireRequest[];
} {
  const requests: WireRequest[] = [];
  const handle = async (request: WireRequest) => {
    requests.push(request);
    const { status, headers = {}, body = '' } = answer(request, requests.length - 1);
    const stream = typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body;
    return { response: { statusCode: status, headers, body: stream } };
  };
  const client = createS3Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    maxAttempts: 2,
    requestHandler: { handle } as never,
  });
  return { store: new S3Store({ client, bucket: 'bucket', prefix: 'fleet-a', owner }), requests };
}

export function refusal(status: number, code: string): WireAnswer {
  return { status, headers: { 'content-type': 'application/xml' }, body: `<Error><Code>${code}</Code></Error>` };
}

export function lostConnection(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}
