import * as z from 'zod';
import { consoleUrlSchema } from '#core/console-url.ts';
import { parseValue } from '#core/documents.ts';
import type { Environment } from '../open-dependencies.ts';

const schema = z.object({ LOCKSTEP_CONSOLE_URL: consoleUrlSchema.optional() });

/** `undefined` where the stack has no console. */
export async function openConsoleUrl(environment: Environment): Promise<string | undefined> {
  return parseValue('environment of the function', schema, environment).LOCKSTEP_CONSOLE_URL;
}
