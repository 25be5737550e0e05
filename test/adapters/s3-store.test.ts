import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { LockstepError, StoreConflict, StorePermanent, StorePrecondition, StoreTransient } from '#core/errors.ts';
import { lostConnection, refusal, scriptedS3, type WireRequest } from '#test/support/scripted-s3.ts';

const WRITE_ID = 'x-amz-meta-lockstep-write';

const BODY = new TextEncoder().encode('hello');

describe('S3Store sorts what S3 answers', () => {
  test.each([
    ['nothing there', refusal(404, 'NoSuchKey')],
    ['nothing there, for who may not list', refusal(403, 'AccessDenied')],
    ['an answer without a code', { status: 403 }],
  ])('takes "%s" for absence', async (_, answer) => {
    const { store } = scriptedS3(() => answer);
    expect(await store.get('a')).toBeUndefined();
    expect(await store.getIfChanged('a', '"e"')).toBeUndefined();
    expect(await store.getRange('a', { offset: 0, length: 1 })).toBeUndefined();
    expect(await store.getRange('a', { offset: 0, length: 0 })).toBeUndefined();
    expect(await store.head('a')).toBeUndefined();
  });

  test.each([
    ['ExpiredToken', 'renew them'],
    ['InvalidAccessKeyId', 'check the credentials'],
    ['SignatureDoesNotMatch', 'check the credentials'],
    ['AccountProblem', 'AWS account'],
  ])('does not take a 403 with %s for absence', async (code, advice) => {
    const { store } = scriptedS3(() => refusal(403, code));
    await expect(store.get('a')).rejects.toThrow(StorePermanent);
    await expect(store.get('a')).rejects.toThrow(advice);
  });

  test.each([
    [StorePermanent, refusal(403, 'AccessDenied')],
    [StorePermanent, refusal(404, 'NoSuchBucket')],
    [StorePermanent, refusal(400, 'InvalidRequest')],
    [StorePermanent, refusal(501, 'NotImplemented')],
    [StorePrecondition, refusal(412, 'PreconditionFailed')],
    [StoreConflict, refusal(409, 'ConditionalRequestConflict')],
    [StoreTransient, refusal(400, 'RequestTimeout')],
    [StoreTransient, refusal(429, 'TooManyRequests')],
    [StoreTransient, refusal(500, 'InternalError')],
    [StoreTransient, refusal(503, 'SlowDown')],
  ])('throws %o for a write answered %o', async (expected, answer) => {
    const { store } = scriptedS3(() => answer);
    await expect(store.create('a', BODY)).rejects.toThrow(expected);
    await expect(store.create('a', BODY)).rejects.toThrow('store object a: ');
  });

  test('does not take an object whose key may not be used for a missing one', async () => {
    const message = 'User: arn:aws:iam::123456789012:user/x is not authorized to perform: kms:Decrypt on this resource';
    const body = `<Error><Code>AccessDenied</Code><Message>${message}</Message></Error>`;
    const { store } = scriptedS3(() => ({ status: 403, headers: { 'content-type': 'application/xml' }, body }));
    await expect(store.get('a')).rejects.toThrow(StorePermanent);
    await expect(store.get('a')).rejects.toThrow('kms:Decrypt');
  });

  test('says so when the bucket is in another region', async () => {
    for (const answer of [refusal(301, 'PermanentRedirect'), refusal(400, 'AuthorizationHeaderMalformed')]) {
      const { store } = scriptedS3(() => answer);
      await expect(store.get('a')).rejects.toThrow('another region');
    }
  });

  test.each([
    ['a 409', refusal(409, 'ConditionalRequestConflict')],
    ['bytes that were damaged on their way up', refusal(400, 'BadDigest')],
    ['a body that was cut on its way up', refusal(400, 'IncompleteBody')],
  ])('writes again after %s, which the SDK gives up at once', async (_, answer) => {
    const { requests, store } = scriptedS3((__, index) =>
      index === 0 ? answer : { status: 200, headers: { etag: '"e"' } },
    );
    expect(await store.create('a', BODY)).toEqual({ etag: '"e"' });
    expect(requests).toHaveLength(2);
  });

  test('shows nothing of what S3 repeats of the caller, in no error', async () => {
    const secrets = {
      AWSAccessKeyId: 'ASIAQWERTYUIOPASDFGH',
      StringToSign: 'AWS4-HMAC-SHA256 the string to sign',
      SignatureProvided: 'the signature provided',
      CanonicalRequest: 'the canonical request',
      'Token-0': 'the session token',
    };
    const fields = Object.entries(secrets).map(([name, value]) => `<${name}>${value}</${name}>`);
    const url = 'https://bucket.s3.amazonaws.com/a?X-Amz-Credential=x&amp;X-Amz-Signature=the%20signature';
    const message = `Not for ${secrets.AWSAccessKeyId} at ${url}`;
    for (const [status, code] of [
      [403, 'SignatureDoesNotMatch'],
      [400, 'InvalidRequest'],
      [503, 'SlowDown'],
      [412, 'PreconditionFailed'],
      [409, 'OperationAborted'],
    ] as const) {
      const body = `<Error><Code>${code}</Code><Message>${message}</Message>${fields.join('')}</Error>`;
      const { store } = scriptedS3(() => ({ status, headers: { 'content-type': 'application/xml' }, body }));
      for (const call of [
        () => store.get('a'),
        () => store.create('a', BODY),
        () => Array.fromAsync(store.list('a')),
      ]) {
        const error: unknown = await call().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(LockstepError);
        const shown = inspect(error, { depth: 9, showHidden: true });
        for (const secret of [...Object.values(secrets), 'X-Amz-Signature']) expect(shown).not.toContain(secret);
      }
    }
  });

  test('does not take a missing bucket for a missing object', async () => {
    const { store } = scriptedS3(() => refusal(404, 'NoSuchBucket'));
    await expect(store.get('a')).rejects.toThrow('the bucket does not exist');
  });

  test('throws StorePrecondition for a replace of what is not there', async () => {
    const { store } = scriptedS3(() => refusal(404, 'NoSuchKey'));
    await expect(store.replace('a', BODY, '"e"')).rejects.toThrow(StorePrecondition);
  });

  test.each(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT'])('throws StoreTransient on %s', async (code) => {
    const { store } = scriptedS3(() => {
      throw Object.assign(new Error('no connection'), { code });
    });
    await expect(store.get('a')).rejects.toThrow(StoreTransient);
    await expect(Array.fromAsync(store.list('a'))).rejects.toThrow(StoreTransient);
  });

  test('throws StorePermanent without credentials or for any fault it does not know', async () => {
    const { store } = scriptedS3(() => {
      throw new Error('Could not load credentials from any providers');
    });
    await expect(store.get('a')).rejects.toThrow(StorePermanent);
  });
});

describe('S3Store bounds what it reads', () => {
  test('refuses a body that is cut off', async () => {
    const { store } = scriptedS3(() => ({
      status: 200,
      headers: { 'content-length': '9', etag: '"e"' },
      body: 'short',
    }));
    await expect(store.get('a')).rejects.toThrow(StoreTransient);
  });

  test('stops at a body that is longer than announced', async () => {
    const { store } = scriptedS3(() => ({
      status: 200,
      headers: { 'content-length': '2', etag: '"e"' },
      body: 'longer',
    }));
    await expect(store.get('a')).rejects.toThrow(StoreTransient);
  });

  test('refuses a whole object where a range was asked for, without reading it', async () => {
    const body = Readable.from([Buffer.from('0123456789')]);
    const { store } = scriptedS3(() => ({ status: 200, headers: { 'content-length': '10', etag: '"e"' }, body }));
    await expect(store.getRange('a', { offset: 2, length: 3 })).rejects.toThrow(StorePermanent);
    expect(body.destroyed).toBe(true);
  });

  test('refuses an object too large to hold', async () => {
    const headers = { 'content-length': String(5 * 1024 ** 4), etag: '"e"' };
    const { store } = scriptedS3(() => ({ status: 200, headers, body: 'x' }));
    await expect(store.get('a')).rejects.toThrow('read it in ranges');
  });

  test('gives up a body that comes in drops', async () => {
    let clock = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => clock);
    onTestFinished(() => void vi.restoreAllMocks());
    async function* drops() {
      for (;;) {
        clock += 20_000;
        yield Buffer.from('x');
      }
    }
    const headers = { 'content-length': '1000', etag: '"e"' };
    const { requests, store } = scriptedS3(() => ({ status: 200, headers, body: Readable.from(drops()) }));
    await expect(store.get('a')).rejects.toThrow('bytes in time');
    expect(requests.length).toBeGreaterThan(1);
  });

  test.each([
    ['of another place', 'bytes 3-5/10', '345'],
    ['that lacks its end', 'bytes 2-3/10', '23'],
    ['that goes too far', 'bytes 2-5/10', '2345'],
  ])('refuses a range %s', async (_, range, body) => {
    const headers = { 'content-length': String(body.length), 'content-range': range, etag: '"e"' };
    const { store } = scriptedS3(() => ({ status: 206, headers, body }));
    await expect(store.getRange('a', { offset: 2, length: 3 })).rejects.toThrow(StoreTransient);
  });

  test.each([
    ['without a checksum', {}],
    ['that went up in parts', { 'x-amz-checksum-sha256': 'ICy5YqxZB1uWSwcVLSNLcA==-3' }],
  ])('compares what it wrote with what comes of an object %s', async (_, checksum) => {
    const read = (body: string) => {
      const headers = {
        'content-length': String(body.length),
        etag: '"e"',
        'x-amz-meta-lockstep-sha256': sha256('hello'),
      };
      return scriptedS3(() => ({ status: 200, headers: { ...headers, ...checksum }, body })).store.get('a');
    };
    expect((await read('hello'))?.body).toEqual(BODY);
    await expect(read('jello')).rejects.toThrow('not what was written');
  });

  test('reads again what came damaged once', async () => {
    const headers = {
      'content-length': '5',
      etag: '"e"',
      'x-amz-checksum-sha256': 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=',
    };
    const { store } = scriptedS3((_, index) => ({ status: 200, headers, body: index === 0 ? 'jello' : 'hello' }));
    expect((await store.get('a'))?.body).toEqual(BODY);
  });

  test("rejects with the signal's reason when aborted in the middle of a body", async () => {
    const abort = new AbortController();
    const reason = new Error('the person stopped the work');
    async function* endless() {
      yield Buffer.from('x');
      abort.abort(reason);
      throw lostConnection();
    }
    const body = Readable.from(endless());
    const { store } = scriptedS3(() => ({ status: 200, headers: { 'content-length': '9', etag: '"e"' }, body }));
    await expect(store.get('a', { signal: abort.signal })).rejects.toBe(reason);
  });
});

describe('S3Store sends', () => {
  test('whose the bucket must be, with every call', async () => {
    const { requests, store } = scriptedS3(
      (request) => (request.query['list-type'] === '2' ? LISTED : { status: 200, headers: { etag: '"e"' } }),
      { owner: '123456789012' },
    );
    await Promise.all([store.get('a'), store.getIfChanged('a', '"f"'), store.head('a'), store.delete('a')]);
    await Promise.all([store.put('a', BODY), store.create('a', BODY), store.replace('a', BODY, '"e"')]);
    await Array.fromAsync(store.list('a'));
    expect(requests).toHaveLength(8);
    for (const { headers } of requests) expect(headers['x-amz-expected-bucket-owner']).toBe('123456789012');
  });

  test('the key below its prefix, a SHA-256 checksum and the condition', async () => {
    const { store, requests } = scriptedS3(() => ({ status: 200, headers: { etag: '"e"' } }));
    await store.create('packs/aa/x', BODY);
    await store.replace('packs/aa/x', BODY, '"old"');
    await store.put('packs/aa/x', BODY);
    const [create, replace, put] = requests;
    expect(create?.path).toBe('/fleet-a/packs/aa/x');
    expect(create?.headers).toMatchObject({
      'if-none-match': '*',
      'x-amz-checksum-sha256': 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=',
    });
    expect(replace?.headers['if-match']).toBe('"old"');
    expect(put?.headers).not.toHaveProperty('if-match');
    expect(put?.headers).not.toHaveProperty('if-none-match');
  });

  test.each([
    ['if-none-match', '*', 'create'],
    ['if-match', '"old"', 'replace'],
  ] as const)(
    '%s with the completion of an upload in parts, each part with its checksum',
    async (header, value, how) => {
      const { store, requests } = scriptedS3(answerUploadInParts);
      const body = new Uint8Array(17 * 1024 ** 2);
      await (how === 'create' ? store.create('large', body) : store.replace('large', body, value));
      const parts = requests.filter(({ query }) => query.partNumber !== undefined);
      expect(parts).toHaveLength(3);
      for (const part of parts) expect(part.headers).toHaveProperty('x-amz-checksum-sha256');
      const completion = requests.at(-1);
      expect(completion).toMatchObject({ method: 'POST', query: { uploadId: 'upload-1' } });
      expect(completion?.headers[header]).toBe(value);
    },
  );

  test('an abort for an upload in parts whose completion was refused', async () => {
    const { store, requests } = scriptedS3((request) =>
      request.method === 'POST' && request.query.uploadId !== undefined
        ? refusal(412, 'PreconditionFailed')
        : answerUploadInParts(request),
    );
    await expect(store.create('large', new Uint8Array(17 * 1024 ** 2))).rejects.toThrow(StorePrecondition);
    expect(requests.at(-1)).toMatchObject({ method: 'DELETE', query: { uploadId: 'upload-1' } });
  });
});

describe('S3Store, when the answer to its write was lost and the repetition fails,', () => {
  const afterLostAnswer = (findWriteId: (first: WireRequest | undefined) => string) => {
    const script = scriptedS3((request, index) => {
      if (index === 0) throw lostConnection();
      if (request.method === 'PUT') return refusal(412, 'PreconditionFailed');
      return { status: 200, headers: { etag: '"kept"', [WRITE_ID]: findWriteId(script.requests[0]) } };
    });
    return script.store;
  };

  test('recognises its own object', async () => {
    const own = (first: WireRequest | undefined) => first?.headers[WRITE_ID] ?? 'none sent';
    expect(await afterLostAnswer(own).create('a', BODY)).toEqual({ etag: '"kept"' });
    expect(await afterLostAnswer(own).replace('a', BODY, '"old"')).toEqual({ etag: '"kept"' });
  });

  test("does not take another's object with the same bytes for its own", async () => {
    const another = () => 'of another write';
    await expect(afterLostAnswer(another).create('a', BODY)).rejects.toThrow(StorePrecondition);
    await expect(afterLostAnswer(another).replace('a', BODY, '"old"')).rejects.toThrow(StorePrecondition);
  });

  test('asks nothing when the first attempt was answered', async () => {
    const { store, requests } = scriptedS3(() => refusal(412, 'PreconditionFailed'));
    await expect(store.create('a', BODY)).rejects.toThrow(StorePrecondition);
    expect(requests).toHaveLength(1);
  });
});

const LISTED = { status: 200, body: '<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>' };

describe('S3Store takes no part of a list for the whole', () => {
  const entry =
    '<Contents><Key>fleet-a/a</Key><Size>1</Size><ETag>"e"</ETag><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>';

  test.each([
    ['whose entries are fewer than it says', `<KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>${entry}`],
    ['whose next page has no name', `<KeyCount>1</KeyCount><IsTruncated>true</IsTruncated>${entry}`],
  ])('%s', async (_, content) => {
    const { store } = scriptedS3(() => ({ status: 200, body: `<ListBucketResult>${content}</ListBucketResult>` }));
    await expect(Array.fromAsync(store.list('a'))).rejects.toThrow(StoreTransient);
  });

  test('that breaks off', async () => {
    const { store } = scriptedS3(() => ({ status: 200, body: `<ListBucketResult>${entry}<Cont` }));
    await expect(Array.fromAsync(store.list('a'))).rejects.toThrow(StoreTransient);
  });
});

test('S3Store lists only what a key can name', async () => {
  const entry = (key: string) =>
    `<Contents><Key>fleet-a/${key}</Key><Size>1</Size><ETag>"e"</ETag>` +
    '<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>';
  const body = `<ListBucketResult>${entry('')}${entry('a/')}${entry('a/b')}${entry('a b')}</ListBucketResult>`;
  const { store } = scriptedS3(() => ({ status: 200, body }));
  expect(await Array.fromAsync(store.list('a'))).toEqual([
    { key: 'a/b', size: 1, etag: '"e"', modified: new Date('2026-01-02T03:04:05Z') },
  ]);
});

function answerUploadInParts({ method, query }: WireRequest) {
  const started = '<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>';
  const completed = '<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>';
  if (method === 'PUT') return { status: 200, headers: { etag: '"part"' } };
  return { status: 200, body: query.uploadId === undefined ? started : completed };
}
