import { join } from 'node:path';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import { CONTROL_KEY_FORMAT } from '#core/receipt.ts';
import { testFolder } from '../agents/test-folder.ts';

/** What agents pin when they enrol. */
export async function publishControlKey(store: ObjectStore, { publicKey }: Signer): Promise<void> {
  await store.put(keys.controlKey(), encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey }));
}

/** Where both sides meet, and how an agent on Windows names it. */
export interface MeetingStore {
  readonly store: ObjectStore;
  readonly url: string;
}

/** A folder of this machine; `Z:` is its root there. */
export async function openFolder(): Promise<MeetingStore> {
  const folder = join(testFolder(), 'store');
  return { store: await DirectoryStore.open(folder), url: `file:///Z:${folder}` };
}
