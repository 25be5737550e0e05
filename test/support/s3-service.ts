import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StorePrecondition } from '#core/errors.ts';
import type { ObjectInfo, ObjectStore } from '#core/ports/object-store.ts';

export interface S3Service {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * As much of S3's protocol, over HTTP and by path, as a store needs: one bucket, with the objects of the store beneath.
 * Checksums are compared on the way up, as S3 does, and given with an object that is read whole.
 */
export async function serveS3(store: ObjectStore, bucket: string): Promise<S3Service> {
  const served: Bucket = { store, bucket, headers: new Map(), uploads: new Map() };
  const server = createServer((request, response) => {
    answer(served, request, response).catch((error: unknown) => {
      if (error instanceof Refusal) return refuse(response, error.status, error.message);
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
  readonly bucket: string;
  /** Of each object, what it was written with. */
  readonly headers: Map<string, Kept>;
  readonly uploads: Map<string, Started>;
}

interface Kept {
  readonly checksum: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Started extends Pick<Kept, 'metadata'> {
  readonly parts: Map<number, Buffer>;
}

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
  }
}

async function answer(served: Bucket, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://s3');
  const key = decodeURIComponent(pathname).slice(served.bucket.length + 2);
  switch (request.method) {
    case 'PUT':
    case 'POST':
      return await write(served, { key, query, request, response });
    case 'DELETE':
      if (query.has('uploadId')) served.uploads.delete(query.get('uploadId') ?? '');
      else await served.store.delete(key);
      return void response.writeHead(204).end();
    default:
      return key === '' ? await list(served, query, response) : await read(served, key, request, response);
  }
}

interface Writing {
  readonly key: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function write(served: Bucket, { key, query, request, response }: Writing): Promise<void> {
  const { headers, method } = request;
  const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Uint8Array>));
  const checksum = assertChecksum(headers, body);
  const id = query.get('uploadId') ?? '';
  const upload = served.uploads.get(id);
  if (query.has('uploads')) {
    const started = randomUUID();
    served.uploads.set(started, { metadata: metadataIn(headers), parts: new Map() });
    return sendXml(
      response,
      `<InitiateMultipartUploadResult><UploadId>${started}</UploadId></InitiateMultipartUploadResult>`,
    );
  }
  if (query.has('uploadId') && upload === undefined) throw new Refusal(404, 'NoSuchUpload');
  if (upload !== undefined && method === 'PUT') {
    upload.parts.set(Number(query.get('partNumber')), body);
    const echoed = checksum === undefined ? {} : { 'x-amz-checksum-sha256': checksum };
    return void response.writeHead(200, { etag: `"${createHash('md5').update(body).digest('hex')}"`, ...echoed }).end();
  }
  const parts = [...(upload?.parts ?? [])].sort(([a], [b]) => a - b).map(([, part]) => part);
  const whole = upload === undefined ? body : Buffer.concat(parts);
  const { 'if-match': etag, 'if-none-match': none } = headers;
  const written = await (etag !== undefined
    ? served.store.replace(key, whole, etag)
    : none
      ? served.store.create(key, whole)
      : served.store.put(key, whole));
  const composite = `${sha256Base64(Buffer.concat(parts.map(sha256Bytes)))}-${parts.length}`;
  served.headers.set(key, {
    checksum: upload === undefined ? checksum : composite,
    metadata: upload?.metadata ?? metadataIn(headers),
  });
  served.uploads.delete(id);
  if (upload === undefined) return void response.writeHead(200, { etag: written.etag }).end();
  sendXml(response, `<CompleteMultipartUploadResult><ETag>${written.etag}</ETag></CompleteMultipartUploadResult>`);
}

async function read(
  { headers: kept, store }: Bucket,
  key: string,
  { headers: asked, method }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const found = await store.head(key);
  if (found === undefined) throw new Refusal(404, 'NoSuchKey');
  if (asked['if-none-match'] === found.etag) return void response.writeHead(304, { etag: found.etag }).end();
  const { checksum, metadata } = kept.get(key) ?? {};
  const headers = { etag: found.etag, 'last-modified': found.modified.toUTCString(), ...metadata };
  if (method === 'HEAD') return void response.writeHead(200, { ...headers, 'content-length': found.size }).end();
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(asked.range ?? '') ?? [];
  if (first === undefined) {
    const body = (await store.get(key))?.body ?? new Uint8Array();
    // S3 has a checksum of every object, whoever wrote it.
    const summed = { 'x-amz-checksum-sha256': checksum ?? sha256Base64(body) };
    return void response.writeHead(200, { ...headers, ...summed, 'content-length': body.length }).end(body);
  }
  const range = { offset: Number(first), length: Number(last) - Number(first) + 1 };
  if (range.offset >= found.size) throw new Refusal(416, 'InvalidRange');
  const body = (await store.getRange(key, range)) ?? new Uint8Array();
  const sent = `bytes ${range.offset}-${range.offset + body.length - 1}/${found.size}`;
  response.writeHead(206, { ...headers, 'content-length': body.length, 'content-range': sent }).end(body);
}

async function list({ store }: Bucket, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const prefix = query.get('prefix') ?? '';
  if (query.has('delimiter')) return await listFolders(store, { prefix, after }, response);
  const all = (await Array.fromAsync(store.list(prefix))).filter(({ key }) => key > after);
  const page = all.slice(0, PAGE);
  const next = all.length > PAGE ? `<NextContinuationToken>${page.at(-1)?.key}</NextContinuationToken>` : '';
  const counts = `<KeyCount>${page.length}</KeyCount><IsTruncated>${all.length > PAGE}</IsTruncated>${next}`;
  sendXml(response, `<ListBucketResult>${counts}${page.map(entryOf).join('')}</ListBucketResult>`);
}

/** As far as a store asks for it: what lies right below the prefix, and is no folder, is left out. */
async function listFolders(
  store: ObjectStore,
  { after, prefix }: { readonly prefix: string; readonly after: string },
  response: ServerResponse,
): Promise<void> {
  const all = (await Array.fromAsync(store.listFolders(prefix)))
    .map((name) => `${prefix}${name}/`)
    .filter((folder) => folder > after);
  const page = all.slice(0, PAGE);
  const next = all.length > PAGE ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
  const counts = `<KeyCount>${page.length}</KeyCount><IsTruncated>${all.length > PAGE}</IsTruncated>${next}`;
  const folders = page.map((folder) => `<CommonPrefixes><Prefix>${folder}</Prefix></CommonPrefixes>`).join('');
  sendXml(response, `<ListBucketResult>${counts}${folders}</ListBucketResult>`);
}

function entryOf({ etag, key, modified, size }: ObjectInfo): string {
  const at = modified.toISOString();
  return `<Contents><Key>${key}</Key><LastModified>${at}</LastModified><ETag>${etag}</ETag><Size>${size}</Size></Contents>`;
}

const PAGE = 1000;

/** What the body should have been; that it is. */
function assertChecksum(headers: IncomingHttpHeaders, body: Buffer): string | undefined {
  const checksum = headers['x-amz-checksum-sha256'];
  if (checksum === undefined || checksum === sha256Base64(body)) return checksum?.toString();
  throw new Refusal(400, 'BadDigest');
}

function metadataIn(headers: IncomingHttpHeaders): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return Object.fromEntries(own.map(([name, value]) => [name, String(value)]));
}

function sha256Bytes(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function sha256Base64(bytes: Uint8Array): string {
  return sha256Bytes(bytes).toString('base64');
}

function sendXml(response: ServerResponse, xml: string): void {
  response.writeHead(200, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(xml) }).end(xml);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
}
