import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { parseDocument } from '#core/documents.ts';
import { BadInput, InvalidDocument } from '#core/errors.ts';
import { serverIdSchema } from '#core/server.ts';
import { publicKeySchema } from '#core/signed.ts';
import { assertOnlyOwnWritable, hooksSchema } from './hook-settings.ts';
import { KEPT_APPLIES } from './pre-images.ts';

const agentFileSchema = z.strictObject({
  format: z.literal('lockstep-agent/1'),
  server: serverIdSchema,
  /** URL. */
  store: z.string().min(1),
  /** Absolute. */
  root: z.string().min(1),
  /** A name in profiles/, or an absolute path. */
  profile: z.string().min(1),
  /** The control plane's public key, pinned at enrolment. */
  controlKey: publicKeySchema,
  hooks: hooksSchema.optional(),
  keepPreImages: z.int().min(0).max(20).default(KEPT_APPLIES),
});

/** `agent.json` in the state folder: whom this agent serves and obeys, and what the operator runs around an apply. */
export type AgentFile = z.infer<typeof agentFileSchema>;

export async function readAgentFile(stateFolder: string): Promise<AgentFile | undefined> {
  const path = agentFilePath(stateFolder);
  try {
    const file = parseDocument(path, agentFileSchema, await readFile(path));
    if (file.hooks !== undefined) assertOnlyOwnWritable(path);
    return file;
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    if (cause instanceof BadInput) throw cause;
    if (cause instanceof InvalidDocument)
      throw new BadInput(`${cause.message}; correct it, or enrol again with a new state folder`, { cause });
    throw new BadInput(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Indented, for people look at it. */
export async function writeAgentFile(stateFolder: string, file: z.input<typeof agentFileSchema>): Promise<void> {
  await writeFileDurably(agentFilePath(stateFolder), Buffer.from(`${JSON.stringify(file, undefined, 2)}\n`), {
    mode: 0o600,
  });
}

function agentFilePath(stateFolder: string): string {
  return join(stateFolder, 'agent.json');
}
