import { fileURLToPath } from 'node:url';
import { BadInput } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { DirectoryStore } from './directory-store.ts';
import { isObjectKey } from './object-key.ts';

/**
 * `file:///FOLDER`, made where it does not exist, or `s3://BUCKET/PREFIX`; BadInput for anything else. A bucket that ends
 * in `?owner=ACCOUNT` is used only while it belongs to that AWS account: a name that was given up can be taken by others.
 */
export async function openStore(url: string): Promise<ObjectStore> {
  if (url.startsWith('file://')) return DirectoryStore.open(folderOf(url));
  if (url.startsWith('s3://')) return openBucket(url);
  throw new BadInput(`store ${JSON.stringify(url)} is not understood; ${EXPECTED}`);
}

const EXPECTED = 'expected file:///absolute/folder or s3://bucket/prefix';

function folderOf(url: string): string {
  try {
    const { search, hash } = new URL(url);
    if (search === '' && hash === '') return fileURLToPath(url);
  } catch (error) {
    throw new BadInput(`store ${JSON.stringify(url)} is not a folder's URL; ${EXPECTED}`, { cause: error });
  }
  throw new BadInput(`store ${JSON.stringify(url)} holds ? or #; in a folder's name write %3F and %23`);
}

const BUCKET_URL = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([^?]*?)\/?)?(?:\?owner=(\d{12}))?$/;

/** Endpoint, region and credentials come from the SDK's own variables and files. Without s3:// the SDK is not loaded. */
async function openBucket(url: string): Promise<ObjectStore> {
  const [, bucket, prefix = '', owner] = BUCKET_URL.exec(url) ?? [];
  if (bucket === undefined || (prefix !== '' && !isObjectKey(prefix))) {
    throw new BadInput(`store ${JSON.stringify(url)} does not name a bucket and a prefix; ${EXPECTED}`);
  }
  const [{ openS3Client }, { S3Store }] = await Promise.all([import('./s3-client.ts'), import('./s3-store.ts')]);
  return new S3Store({ client: await openS3Client(), bucket, prefix, owner });
}
