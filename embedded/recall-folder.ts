import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { readAgentFile } from '#agents/agent-file.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { type Profile, profileSchema } from '#core/profile.ts';
import type { ServerId } from '#core/server.ts';
import { memoryOf } from './local-server.ts';

/** What stood for a server in an ad-hoc sync of this machine. */
export interface RecalledFolder {
  /** Absolute and real, at that time. */
  readonly root: string;
  /** Of the last sync. */
  readonly profile: Profile;
}

/** `undefined` for a server that is no folder of this machine. */
export async function recallFolder(stateFolder: string, server: ServerId): Promise<RecalledFolder | undefined> {
  const memory = memoryOf(stateFolder, server);
  const file = await readAgentFile(memory);
  if (file === undefined) return undefined;
  const path = join(memory, PROFILE);
  try {
    return { root: file.root, profile: parseDocument(path, profileSchema, await readFile(path)) };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** An agent's own file names its profile only, which may be any file. */
export async function rememberProfile(memory: string, profile: Profile): Promise<void> {
  await mkdir(memory, { recursive: true, mode: 0o700 });
  await writeFileDurably(join(memory, PROFILE), encodeDocument(profile), { mode: 0o600 });
}

const PROFILE = 'profile.json';
