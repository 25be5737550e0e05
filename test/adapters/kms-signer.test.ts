import { createHash, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openKmsSigner } from '#adapters/kms-signer.ts';
import { BadInput, ServicePermanent, ServiceTransient } from '#core/errors.ts';
import { orderId } from '#core/keys.ts';
import { assertObeyable, ORDER_FORMAT, type Order } from '#core/order.ts';
import { isSignedBy, sign } from '#core/signed.ts';
import { DESTINATION, SYNC } from '#test/core/samples.ts';
import { LocalKms } from '#test/support/local-kms.ts';
import { findMotoServer, type MotoServer, startMotoServer } from '#test/support/moto-server.ts';
import { type JsonAnswer, type JsonRequest, scriptedWire, serviceRefusal } from '#test/support/scripted-wire.ts';

const NOW = new Date('2026-01-02T03:04:06Z');

const ORDER: Order = {
  format: ORDER_FORMAT,
  order: orderId(SYNC, 'inventory', DESTINATION),
  sync: SYNC,
  server: DESTINATION,
  sequence: 1,
  issuedAt: '2026-01-02T03:04:05.000Z',
  expiresAt: '2026-01-02T03:05:05.000Z',
  step: 'inventory',
  snapshot: false,
};

const MESSAGE = Buffer.alloc(1_000_000, 'x');

describe('KmsSigner', () => {
  test('asks for the public key once, and for a signature of the digest each time', async () => {
    const { client, requests } = scriptedKms();
    const signer = await openKmsSigner(client, 'alias/lockstep');
    for (const _ of [1, 2]) {
      expect(verify('sha256', MESSAGE, signer.publicKey, await signer.sign(MESSAGE))).toBe(true);
    }
    expect(requests.map(({ operation }) => operation)).toEqual(['GetPublicKey', 'Sign', 'Sign']);
    expect(requests[1]?.body).toMatchObject({ MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' });
    expect(requests[1]?.body.Message).toBe(createHash('sha256').update(MESSAGE).digest('base64'));
  });

  test('signs with the key whose public half it has shown, also when an alias has moved since', async () => {
    const { client, requests } = scriptedKms();
    const signer = await openKmsSigner(client, 'alias/lockstep');
    await signer.sign(Buffer.from('message'));
    expect(requests[1]?.body.KeyId).toBe(kms.arn);
  });

  test('an agent obeys an order that KMS has signed, and not one that was changed since', async () => {
    const signer = await openKmsSigner(scriptedKms().client, 'alias/lockstep');
    const signed = await sign(ORDER, signer);
    const agent = { server: DESTINATION, controlKey: signer.publicKey, lastSequence: 0, now: NOW };
    expect(() => assertObeyable(signed, agent)).not.toThrow();
    const bent = { ...signed, payload: { ...ORDER, sequence: 2 } };
    expect(() => assertObeyable(bent, agent)).toThrow(/not signed by the control plane/);
  });

  test('makes signatures that verify, whatever their integers begin with', async () => {
    const signer = await openKmsSigner(scriptedKms().client, 'key');
    for (let index = 0; index < 300; index++) {
      const document = { format: 'test', index };
      expect(isSignedBy(await sign(document, signer), signer.publicKey)).toBe(true);
    }
  });

  test.each([
    ['for encryption', { KeyUsage: 'KEY_AGREEMENT' }],
    ['of another kind', { PublicKey: spki(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey) }],
    [
      'on another curve than it says',
      { PublicKey: spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey) },
    ],
    ['that it does not show', { PublicKey: undefined }],
  ])('refuses a key %s', async (_, other) => {
    const { client } = scriptedKms(() => ({ status: 200, body: { ...kms.description, ...other } }));
    await expect(openKmsSigner(client, 'key')).rejects.toThrow(BadInput);
    await expect(openKmsSigner(client, 'key')).rejects.toThrow(/ECC_NIST_P256 .* for SIGN_VERIFY/);
  });

  test.each([
    [ServiceTransient, serviceRefusal(400, 'ThrottlingException')],
    [ServiceTransient, serviceRefusal(500, 'KMSInternalException')],
    [ServiceTransient, serviceRefusal(500, 'KeyUnavailableException')],
    [ServiceTransient, serviceRefusal(503, 'DependencyTimeoutException')],
    [ServicePermanent, serviceRefusal(400, 'AccessDeniedException')],
    [ServicePermanent, serviceRefusal(400, 'NotFoundException')],
    [ServicePermanent, serviceRefusal(400, 'DisabledException')],
    [ServicePermanent, serviceRefusal(400, 'KMSInvalidStateException')],
  ])('throws %o where KMS answers %o', async (expected, refusal) => {
    const { client } = scriptedKms((request) => (request.operation === 'Sign' ? refusal : kms.answer(request)));
    const signer = await openKmsSigner(client, 'key');
    await expect(signer.sign(Buffer.from('message'))).rejects.toThrow(expected);
    await expect(signer.sign(Buffer.from('message'))).rejects.toMatchObject({ service: 'AWS KMS' });
  });

  test('tries again by itself, and calls a lost connection transient when that does not help', async () => {
    const lost = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    let failures = 1;
    const { client } = scriptedKms((request) => {
      if (failures-- > 0) throw lost;
      return kms.answer(request);
    });
    expect((await openKmsSigner(client, 'key')).publicKey).toContain('BEGIN PUBLIC KEY');
    failures = 100;
    await expect(openKmsSigner(client, 'key')).rejects.toThrow(ServiceTransient);
  });

  test('ends with the signal that ends the work', async () => {
    const { client } = scriptedKms();
    const stopping = new AbortController();
    const signer = await openKmsSigner(client, 'key', stopping.signal);
    stopping.abort();
    await expect(signer.sign(Buffer.from('message'))).rejects.toMatchObject({ name: 'AbortError' });
  });
});

const program = await findMotoServer();

if (program === undefined) {
  const reason = 'moto_server, a stand-in for KMS, is not on PATH (pip install "moto[server]")';
  console.warn(`SKIPPED: KmsSigner over the wire: ${reason}`);
  test('KmsSigner finds the public key, and has the digest signed', ({ skip }) => skip(reason));
} else {
  describe('KmsSigner over the wire', () => {
    let server: MotoServer;
    let client: KMSClient;

    beforeAll(async () => {
      server = await startMotoServer(program);
      const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };
      client = new KMSClient({ endpoint: server.endpoint, region: 'us-east-1', credentials });
    });

    afterAll(async () => {
      client?.destroy();
      await server?.stop();
    });

    async function createKey(KeySpec: 'ECC_NIST_P256' | 'ECC_NIST_P384'): Promise<string> {
      const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec, KeyUsage: 'SIGN_VERIFY' }));
      return KeyMetadata?.Arn ?? '';
    }

    test('finds the public key, and has the digest signed', async () => {
      const signer = await openKmsSigner(client, await createKey('ECC_NIST_P256'));
      const signature = await signer.sign(MESSAGE);
      // moto takes no notice of MessageType and hashes the digest once more, which KMS does not.
      const digest = createHash('sha256').update(MESSAGE).digest();
      expect(verify('sha256', digest, signer.publicKey, signature)).toBe(true);
    });

    test('refuses a key on another curve, and one that is not there', async () => {
      await expect(openKmsSigner(client, await createKey('ECC_NIST_P384'))).rejects.toThrow(BadInput);
      await expect(openKmsSigner(client, 'alias/nothing')).rejects.toThrow(ServicePermanent);
    });
  });
}

function spki(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).toString('base64');
}

const kms = new LocalKms();

function scriptedKms(answer: (request: JsonRequest) => JsonAnswer = kms.answer) {
  const { requests, settings } = scriptedWire(answer);
  return { client: new KMSClient(settings), requests };
}
