import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { sha256Schema } from '#core/digest.ts';
import { parseJson, parseValue } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { folderPathSchema } from '#core/manifest.ts';
import { orderSchema } from '#core/order.ts';
import { operationSchema } from '#core/plan.ts';
import { syncIdSchema } from '#core/sync.ts';
import type { WorkFolder } from './work-folder.ts';

const JOURNAL_FORMAT = 'lockstep-journal/1';

const headerSchema = z.strictObject({
  format: z.literal(JOURNAL_FORMAT),
  order: orderSchema.refine((order) => order.step === 'apply', 'expected an apply order'),
  startedAt: z.iso.datetime(),
  /** For the hooks that a recovery runs. */
  mode: z.enum(['overwrite', 'mirror', 'rollback']),
  /** There in mode `rollback`: what was kept of that sync has then served. */
  rollbackOf: syncIdSchema.optional(),
  /** The states that an undo must lead back to. */
  before: z.strictObject({ state: sha256Schema, protectedState: sha256Schema }),
});

/** A folder that was there before: to be made again, or to get its times back. */
export const folderSchema = z.strictObject({
  path: z.union([z.literal(''), folderPathSchema]),
  mode: z.int(),
  uid: z.int(),
  gid: z.int(),
  /** Milliseconds, with fractions. */
  mtime: z.number(),
});

const lineSchema = z.discriminatedUnion('line', [
  z.strictObject({ line: z.literal('operation'), operation: operationSchema }),
  z.strictObject({ line: z.literal('folder'), folder: folderSchema }),
  z.strictObject({ line: z.literal('new-folder'), path: folderPathSchema }),
]);

export type FormerFolder = z.infer<typeof folderSchema>;

/** All that undoing an apply takes; written before its first change to the tree, and never changed. */
export interface Journal {
  readonly header: z.infer<typeof headerSchema>;
  /** Numbered by their place: staged and old files bear that number. */
  readonly operations: readonly z.infer<typeof operationSchema>[];
  /** Folders that changes happen in. */
  readonly folders: readonly FormerFolder[];
  /** Folders to make, each after the one above it. */
  readonly newFolders: readonly string[];
}

export async function writeJournal(
  work: WorkFolder,
  journal: Omit<Journal, 'header'> & { readonly header: Omit<Journal['header'], 'format'> },
): Promise<Journal> {
  const header = { format: JOURNAL_FORMAT, ...journal.header } as const;
  const lines = [
    header,
    ...journal.operations.map((operation) => ({ line: 'operation', operation })),
    ...journal.folders.map((folder) => ({ line: 'folder', folder })),
    ...journal.newFolders.map((path) => ({ line: 'new-folder', path })),
  ];
  await writeFileDurably(work.journal, Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
  return { ...journal, header };
}

/** `undefined` when there is none. Its lines are checked like any document: an undo must not be led astray either. */
export function readJournal(work: WorkFolder): Journal | undefined {
  const text = readText(work.journal);
  if (text === undefined) return undefined;
  const [first = '', ...rest] = text.split('\n').slice(0, -1);
  const header = parseValue(work.journal, headerSchema, parseJson(work.journal, first));
  const lines = rest.map((line) => parseValue(work.journal, lineSchema, parseJson(work.journal, line)));
  return {
    header,
    operations: lines.flatMap((line) => (line.line === 'operation' ? [line.operation] : [])),
    folders: lines.flatMap((line) => (line.line === 'folder' ? [line.folder] : [])),
    newFolders: lines.flatMap((line) => (line.line === 'new-folder' ? [line.path] : [])),
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT', 'ENOTDIR')) return undefined;
    // A disk that fails for once is no damage: the next look may read it.
    if (hasCode(cause, 'EISDIR', 'ELOOP', 'EACCES')) throw new InvalidDocument(path, 'it cannot be read', { cause });
    throw cause;
  }
}
