import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileSigner } from '#adapters/file-signer.ts';
import { sha256 } from '#core/digest.ts';
import { BadInput } from '#core/errors.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const onPosix = test.skipIf(process.platform === 'win32');

test('makes a key once and signs with it from then on', async () => {
  const path = join(await temporaryFolder(), 'key.pem');
  const first = await openFileSigner(path);
  const second = await openFileSigner(path);
  expect(second.publicKey).toBe(first.publicKey);
  expect(second.keyId).toBe(first.keyId);

  const message = new TextEncoder().encode('an order');
  const signature = await second.sign(message);
  expect(verify('sha256', message, { key: first.publicKey, dsaEncoding: 'der' }, signature)).toBe(true);
  expect(verify('sha256', new TextEncoder().encode('another'), first.publicKey, signature)).toBe(false);
});

test('names its key by the digest of the SPKI', async () => {
  const signer = await openFileSigner(join(await temporaryFolder(), 'key.pem'));
  const spki = createPublicKey(signer.publicKey).export({ type: 'spki', format: 'der' });
  expect(signer.keyId).toBe(sha256(spki));
});

test('gives everybody the same key when many start together', async () => {
  const folder = await temporaryFolder();
  const signers = await Promise.all(Array.from({ length: 20 }, () => openFileSigner(join(folder, 'key.pem'))));
  expect(new Set(signers.map(({ keyId }) => keyId)).size).toBe(1);
  expect(await readdir(folder)).toEqual(['key.pem']);
});

onPosix('writes a PKCS #8 P-256 key that only its owner can read', async () => {
  const path = join(await temporaryFolder(), 'key.pem');
  await openFileSigner(path);
  expect(await readFile(path, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

onPosix('refuses a key that others can read', async () => {
  const path = join(await temporaryFolder(), 'key.pem');
  await openFileSigner(path);
  await chmod(path, 0o640);
  await expect(openFileSigner(path)).rejects.toThrow(`chmod 600 ${path}`);
});

test.each([
  ['no key', 'hello'],
  ['nothing', ''],
  ['an RSA key', pem('rsa')],
  ['a key on another curve', pem('secp384r1')],
])('refuses a file that holds %s, and leaves it alone', async (_, content) => {
  const path = join(await temporaryFolder(), 'key.pem');
  await writeFile(path, content, { mode: 0o600 });
  await expect(openFileSigner(path)).rejects.toThrow(BadInput);
  await expect(openFileSigner(path)).rejects.toThrow('P-256');
  expect(await readFile(path, 'utf8')).toBe(content);
});

test('says so when its folder does not exist', async () => {
  const path = join(await temporaryFolder(), 'no', 'key.pem');
  await expect(openFileSigner(path)).rejects.toThrow('its folder must exist');
});

function pem(kind: 'rsa' | 'secp384r1'): string {
  const { privateKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: kind });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
