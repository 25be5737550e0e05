import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonAnswer, JsonRequest } from './scripted-wire.ts';

export interface JsonService {
  readonly url: string;
  readonly requests: readonly JsonRequest[];
  stop(): Promise<void>;
}

/** A service of AWS that speaks JSON, over HTTP, as a function. */
export async function serveJson(
  answer: (request: JsonRequest) => JsonAnswer | Promise<JsonAnswer>,
): Promise<JsonService> {
  const requests: JsonRequest[] = [];
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Uint8Array>)).toString();
    const target = request.headers['x-amz-target']?.toString().split('.').at(-1) ?? request.url ?? '';
    const sent = { operation: target, body: body === '' ? {} : JSON.parse(body) };
    requests.push(sent);
    const given = await answer(sent);
    response.writeHead(given.status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(given.body));
  };
  const server = createServer((request, response) => void respond(request, response).catch(() => response.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${port}`, requests, stop };
}
