import { Readable } from 'node:stream';

/** What arrives at a service that speaks JSON. */
export interface JsonRequest {
  /** The last word of `x-amz-target`, or the path. */
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: object;
}

/** What a client of the AWS SDK is given so that its service is a function; an error that it throws is a failed connection. */
export function scriptedWire(answer: (request: JsonRequest, index: number) => JsonAnswer | Promise<JsonAnswer>) {
  const requests: JsonRequest[] = [];
  const handle = async (request: WireRequest, options?: { readonly abortSignal?: AbortSignal }) => {
    options?.abortSignal?.throwIfAborted();
    const target = request.headers['x-amz-target']?.split('.').at(-1) ?? request.path;
    const sent = { operation: target, body: JSON.parse(String(Buffer.from(request.body ?? '{}'))) };
    requests.push(sent);
    const { body, status } = await answer(sent, requests.length - 1);
    const headers = { 'content-type': 'application/json' };
    return { response: { statusCode: status, headers, body: Readable.from([Buffer.from(JSON.stringify(body))]) } };
  };
  const settings = {
    region: 'eu-central-1',
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    maxAttempts: 2,
    requestHandler: { handle } as never,
  };
  return { requests, settings };
}

interface WireRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** As AWS answers in JSON when it refuses. */
export function serviceRefusal(status: number, type: string, message = 'because'): JsonAnswer {
  return { status, body: { __type: type, message } };
}
