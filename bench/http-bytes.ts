import type { ObjectStore } from '#core/ports/object-store.ts';

export type Method = Exclude<keyof ObjectStore, 'url' | 'listFolders'>;

/**
 * Bytes of headers that go up with a request and come down with its answer: what the AWS SDK for JavaScript sends for
 * keys of this length, measured at a socket, and what S3 answers, about. TLS, TCP and IP are not in it.
 */
export const HEADER_BYTES = { read: 950, write: 1210, answer: 450 } as const;

export function headersUp(method: Method): number {
  return isWrite(method) ? HEADER_BYTES.write : HEADER_BYTES.read;
}

export function isWrite(method: Method): boolean {
  switch (method) {
    case 'get':
    case 'getIfChanged':
    case 'getRange':
    case 'head':
    case 'list':
    case 'delete':
      return false;
    case 'put':
    case 'create':
    case 'replace':
      return true;
  }
}

/** Of a body that a call sends; nothing for a call without one. */
export function requestBytes(body: Uint8Array | undefined): number {
  return body?.byteLength ?? 0;
}
