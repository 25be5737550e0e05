import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';

const measuredSchema = z.strictObject({ bytes: z.int().positive(), seconds: z.number().positive() });

const transfersSchema = z.strictObject({
  format: z.literal('lockstep-transfers/1'),
  /** The newest last. */
  transfers: z.array(measuredSchema).max(100),
});

type Measured = z.infer<typeof measuredSchema>;

/** Keeps in mind what this agent has fetched, where that was enough to say something about the way to the store. */
export async function rememberTransfer(
  stateFolder: string,
  { bytes, seconds }: { readonly bytes: number; readonly seconds: number },
): Promise<void> {
  if (bytes < LEAST_BYTES || seconds <= 0) return;
  const transfers = [...(await readTransfers(stateFolder)), { bytes, seconds }].slice(-REMEMBERED);
  await writeFileDurably(join(stateFolder, FILE), encodeDocument({ format: 'lockstep-transfers/1', transfers }));
}

/** Over the last few transfers; never more than the limit that is set. `undefined` before the first. */
export async function downloadBytesPerSecond(
  stateFolder: string,
  limit: number | undefined,
): Promise<number | undefined> {
  const transfers = await readTransfers(stateFolder);
  if (transfers.length === 0) return undefined;
  const sum = (field: keyof Measured) => transfers.reduce((total, one) => total + one[field], 0);
  const measured = sum('bytes') / sum('seconds');
  return Math.max(1, Math.floor(Math.min(measured, limit ?? measured, Number.MAX_SAFE_INTEGER)));
}

/** Nothing hangs on them: without them there is no estimate of the time, until they are measured anew. */
async function readTransfers(stateFolder: string): Promise<readonly Measured[]> {
  const path = join(stateFolder, FILE);
  try {
    return parseDocument(path, transfersSchema, await readFile(path)).transfers;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof InvalidDocument) return [];
    throw error;
  }
}

const FILE = 'transfers.json';
const REMEMBERED = 5;
const LEAST_BYTES = 1024 * 1024;
