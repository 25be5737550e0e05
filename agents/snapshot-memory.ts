import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { sha256Schema } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { decodeSnapshot, type Snapshot } from '#core/snapshot.ts';
import type { EncodedSnapshot } from './snapshot.ts';

/** The index of the last snapshot that this agent took; only ever saves work, so a damaged one counts as none. */
export async function recallSnapshot(stateFolder: string): Promise<Snapshot | undefined> {
  const folder = join(stateFolder, FOLDER);
  for (const name of await listFolder(folder)) {
    const digest = sha256Schema.safeParse(name);
    if (!digest.success) continue;
    try {
      return decodeSnapshot(await readFile(join(folder, name)), digest.data);
    } catch (error) {
      if (!(error instanceof InvalidDocument)) throw error;
    }
  }
  return undefined;
}

export async function rememberSnapshot(stateFolder: string, { bytes, digest }: EncodedSnapshot): Promise<void> {
  const folder = join(stateFolder, FOLDER);
  await mkdir(folder, { recursive: true });
  const former = (await listFolder(folder)).filter((name) => name !== digest);
  if (former.length > 0 || (await listFolder(folder)).length === 0) await writeFileDurably(join(folder, digest), bytes);
  for (const name of former) await rm(join(folder, name), { force: true });
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const FOLDER = 'last-snapshot';
