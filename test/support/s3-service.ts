import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StorePrecondition } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

export interface S3Service {
  readonly port: number;
  stop(): Promise<void>;
}

/** As much of S3's protocol, over HTTP and by path, as an agent needs: one bucket, with the objects of the store. */
export async function serveS3(store: ObjectStore, bucket: string): Promise<S3Service> {
  const metadata = new Map<string, string>();
  const server = createServer((request, response) => {
    answer({ store, metadata, prefix: `/${bucket}/` }, request, response).catch((error: unknown) => {
      const isPrecondition = error instanceof StorePrecondition;
      refuse(response, isPrecondition ? 412 : 500, isPrecondition ? 'PreconditionFailed' : 'InternalError');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { port, stop };
}

interface Bucket {
  readonly store: ObjectStore;
  /** Of each object, which attempt wrote it. */
  readonly metadata: Map<string, string>;
  readonly prefix: string;
}

async function answer(
  { metadata, prefix, store }: Bucket,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const key = decodeURIComponent(new URL(request.url ?? '', 'http://s3').pathname).slice(prefix.length);
  if (request.method === 'PUT') {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Uint8Array>));
    const { 'if-match': etag, 'if-none-match': none } = request.headers;
    const write = etag !== undefined ? store.replace(key, body, etag) : none ? store.create(key, body) : undefined;
    const written = await (write ?? store.put(key, body));
    metadata.set(key, String(request.headers['x-amz-meta-lockstep-write']));
    response.writeHead(200, { etag: written.etag }).end();
    return;
  }
  const found = await store.head(key);
  if (found === undefined) return refuse(response, 404, 'NoSuchKey');
  if (request.headers['if-none-match'] === found.etag) return void response.writeHead(304, { etag: found.etag }).end();
  const headers = { etag: found.etag, 'x-amz-meta-lockstep-write': metadata.get(key) ?? '' };
  if (request.method === 'HEAD')
    return void response.writeHead(200, { ...headers, 'content-length': found.size }).end();
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const range = { offset: Number(first ?? 0), length: Number(last ?? found.size - 1) - Number(first ?? 0) + 1 };
  const body = (await store.getRange(key, range)) ?? new Uint8Array();
  response.writeHead(first === undefined ? 200 : 206, { ...headers, 'content-length': body.length }).end(body);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
}
