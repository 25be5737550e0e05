import * as z from 'zod';
import { PRODUCT_VERSION } from './product-version.ts';

/** `site/name`: lower-case words, so that it is safe in a key, a file name and an e-mail. */
export const serverIdSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}\/[a-z0-9][a-z0-9_.-]{0,62}$/,
    'expected site/name in lower-case letters, digits, - and _',
  )
  .refine((id) => !id.includes('..') && !id.endsWith('.'), 'expected a name without .. and without a trailing dot')
  .brand<'ServerId'>();

export type ServerId = z.infer<typeof serverIdSchema>;

/** What an agent's file system cannot keep apart or store, absent where it can; decides which plans it can take. */
export const serverFactsSchema = z.strictObject({
  platform: z.string().max(40),
  /** Names that differ only in case or normal form are one file. */
  foldsNames: z.boolean().optional(),
  /** `<`, `>`, `"`, `|`, `?` and `*` cannot be in a name. */
  windowsNames: z.boolean().optional(),
  /** Bytes that the agent may still write below the root. */
  freeBytes: z.number().nonnegative(),
  /** As this agent has measured it; absent before its first transfer that says something. */
  downloadBytesPerSecond: z.int().positive().optional(),
  /** Of the installed product, where the profile says in which file that is, and it is there. */
  productVersion: z.string().regex(PRODUCT_VERSION).optional(),
});

export type ServerFacts = z.infer<typeof serverFactsSchema>;
