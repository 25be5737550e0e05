import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
  request as sendRequest,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request to a store is for. */
export type StoreRequest =
  | 'get'
  | 'range'
  | 'head'
  | 'list'
  | 'put'
  | 'delete'
  | 'start-upload'
  | 'put-part'
  | 'complete-upload'
  | 'abort-upload';

/** Something that goes wrong between a store and its service. */
export type Fault =
  /** The service is not even asked. */
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  | { readonly kind: 'reset-in-request' }
  | { readonly kind: 'silent' }
  /** The service has done it, and is not heard. */
  | { readonly kind: 'answer-lost' }
  /** Half of the answer's body comes. */
  | { readonly kind: 'reset-in-body' | 'ended-in-body' | 'silent-in-body' | 'cut-with-matching-length' }
  | { readonly kind: 'wrong-byte-down' | 'wrong-byte-up' };

/** Between a client and a service on this machine, request by request: `fault` says what goes wrong with each. */
export class FaultProxy {
  fault: (request: StoreRequest) => Fault | undefined = () => undefined;
  readonly seen: StoreRequest[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server = createServer((request, response) => void this.#pass(request, response));
  readonly #servicePort: number;

  private constructor(servicePort: number) {
    this.#servicePort = servicePort;
  }

  static async start(servicePort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(servicePort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const kind = kindOf(request);
    this.seen.push(kind);
    const fault = this.fault(kind);
    try {
      if (fault?.kind === 'reset-in-request') {
        if (request.headers['content-length'] !== undefined) await once(request, 'readable');
        return reset(response);
      }
      const sent = await bodyOf(request);
      if (fault?.kind === 'silent') return;
      if (fault?.kind === 'refused') {
        const body = `<Error><Code>${fault.code}</Code></Error>`;
        return void response.writeHead(fault.status, { 'content-type': 'application/xml' }).end(body);
      }
      const answer = await this.#forward(request, fault?.kind === 'wrong-byte-up' ? withWrongByte(sent) : sent);
      if (fault === undefined) return void response.writeHead(answer.status, answer.headers).end(answer.body);
      spoil(fault, answer, response);
    } catch {
      reset(response);
    }
  }

  async #forward({ headers, method, url }: IncomingMessage, body: Buffer): Promise<Answer> {
    const passed = { ...headers, 'content-length': body.length };
    const options = { agent: this.#agent, host: '127.0.0.1', port: this.#servicePort, method, path: url };
    const sending = sendRequest({ ...options, headers: passed });
    sending.end(body);
    const [answer] = (await once(sending, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, headers: withoutFraming(answer.headers), body: await bodyOf(answer) };
  }
}

interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

function spoil({ kind }: Fault, { body, headers, status }: Answer, response: ServerResponse): void {
  const half = body.subarray(0, Math.floor(body.length / 2));
  if (kind === 'answer-lost') reset(response);
  else if (kind === 'wrong-byte-down') response.writeHead(status, headers).end(withWrongByte(body));
  else if (kind === 'cut-with-matching-length') {
    response.writeHead(status, { ...headers, 'content-length': half.length }).end(half);
  } else if (kind === 'reset-in-body' || kind === 'ended-in-body' || kind === 'silent-in-body') {
    response.writeHead(status, { ...headers, 'content-length': body.length });
    response.write(half, () => {
      if (kind === 'reset-in-body') reset(response);
      if (kind === 'ended-in-body') response.socket?.end();
    });
  } else response.writeHead(status, headers).end(body);
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

function withWrongByte(body: Buffer): Buffer {
  const bent = Buffer.from(body);
  const at = Math.floor(body.length / 2);
  if (body.length > 0) bent[at] = (bent[at] ?? 0) ^ 0x20;
  return bent;
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(message as AsyncIterable<Uint8Array>));
}

/** The length is that of what is sent. */
function withoutFraming(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...rest } = headers;
  return rest;
}

function kindOf({ headers, method, url = '' }: IncomingMessage): StoreRequest {
  const { searchParams: query } = new URL(url, 'http://proxy');
  switch (method) {
    case 'PUT':
      return query.has('partNumber') ? 'put-part' : 'put';
    case 'POST':
      return query.has('uploads') ? 'start-upload' : 'complete-upload';
    case 'DELETE':
      return query.has('uploadId') ? 'abort-upload' : 'delete';
    case 'HEAD':
      return 'head';
    default:
      return query.has('list-type') ? 'list' : headers.range === undefined ? 'get' : 'range';
  }
}
