import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { sha256 } from '#core/digest.ts';
import { BadInput } from '#core/errors.ts';
import type { Signer } from '#core/ports/signer.ts';
import { createFileDurably } from './durable-file.ts';
import { hasCode } from './file-errors.ts';

/**
 * Loads the key of this file, PKCS #8 PEM, or makes it once: of several processes that start together, all use the
 * key of the one that was first. Its folder must exist. Only its owner may read it; on Windows the folder's ACL decides.
 */
export async function openFileSigner(path: string): Promise<Signer> {
  const pem = (await readKeyFile(path)) ?? (await makeKeyFile(path));
  const key = parsePrivateKey(path, pem);
  const publicKey = createPublicKey(key);
  return {
    keyId: sha256(publicKey.export({ type: 'spki', format: 'der' })),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: async (message) => sign('sha256', message, { key, dsaEncoding: 'der' }),
  };
}

async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new BadInput(`key file ${path} can be read or written by other users; run: chmod 600 ${path}`);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (error instanceof BadInput) throw error;
    throw new BadInput(`key file ${path} cannot be read; check its permissions`, { cause: error });
  }
}

async function makeKeyFile(path: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  try {
    await createFileDurably(path, Buffer.from(pem), { mode: 0o600 });
  } catch (error) {
    throw new BadInput(`key file ${path} cannot be made; its folder must exist and be writable`, { cause: error });
  }
  const winner = await readKeyFile(path);
  if (winner === undefined) throw new BadInput(`key file ${path} was removed while it was made; try again`);
  return winner;
}

function parsePrivateKey(path: string, pem: string): KeyObject {
  const expected = `key file ${path} is not an unencrypted P-256 private key in PEM; restore it from a backup`;
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new BadInput(expected, { cause: error });
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new BadInput(expected);
  return key;
}
