import * as z from 'zod';
import { consoleUrlSchema } from '#core/console-url.ts';
import { parseJson, parseValue } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { consoleSettingsSchema, type OidcSettings } from '#core/sign-in.ts';
import type { Environment } from '../open-dependencies.ts';

export interface OpenedSettings {
  /** Where browsers reach the console. */
  readonly publicUrl: string;
  readonly oidc: OidcSettings;
  readonly sessionHours: number;
}

const schema = z.object({ LOCKSTEP_CONSOLE: z.string().min(1), LOCKSTEP_CONSOLE_URL: consoleUrlSchema });

/** As the stack was deployed. Not as a fleet file in the store says: whoever writes that could let himself in. */
export async function openConsoleSettings(environment: Environment): Promise<OpenedSettings> {
  const { LOCKSTEP_CONSOLE, LOCKSTEP_CONSOLE_URL } = parseValue('environment of the function', schema, environment);
  const settings = parseValue(
    'LOCKSTEP_CONSOLE',
    consoleSettingsSchema,
    parseJson('LOCKSTEP_CONSOLE', LOCKSTEP_CONSOLE),
  );
  const { oidc, 'session-hours': sessionHours } = settings;
  if (oidc === undefined) throw new InvalidDocument('LOCKSTEP_CONSOLE', 'without oidc nobody can sign in');
  return { publicUrl: new URL(LOCKSTEP_CONSOLE_URL).origin, oidc, sessionHours };
}
