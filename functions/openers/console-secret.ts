import { createHash } from 'node:crypto';
import * as z from 'zod';
import { createSecretsClient, readSecret } from '#adapters/secrets-manager.ts';
import { parseValue } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import type { Environment } from '../open-dependencies.ts';

export interface ConsoleSecret {
  /** Of the client that this console is at its identity provider. */
  readonly clientSecret: string;
  /** 32 bytes that seal the cookies of sessions. */
  readonly sessionKey: Buffer;
}

/** ARN or name of the secret. */
const schema = z.object({ LOCKSTEP_CONSOLE_SECRET: z.string().min(1) });

/** What nobody else may know, from one secret: `{"clientSecret": …, "sessionKey": …}`. */
export async function openConsoleSecret(environment: Environment): Promise<ConsoleSecret> {
  const { LOCKSTEP_CONSOLE_SECRET: name } = parseValue('environment of the function', schema, environment);
  const held = parse(name, await readSecret(createSecretsClient(), name));
  const lacking = FIELDS.filter((field) => held[field].length < LEAST[field]);
  if (lacking.length > 0)
    throw refuse(
      name,
      `it lacks ${lacking.join(', ')}: put in what the identity provider has given out, and for sessionKey at least ${LEAST.sessionKey} random letters and digits`,
    );
  return { ...held, sessionKey: createHash('sha256').update(held.sessionKey).digest() };
}

/** What else stands in the secret is somebody else's. */
const heldSchema = z.object({
  clientSecret: z.string().default(''),
  sessionKey: z.string().default(''),
});

type Held = z.infer<typeof heldSchema>;

const FIELDS = ['clientSecret', 'sessionKey'] as const satisfies readonly (keyof Held)[];

/** Characters. 43 letters and digits are as hard to guess as 32 bytes. */
const LEAST: Readonly<Record<keyof Held, number>> = { clientSecret: 1, sessionKey: 43 };

/** The cause is left out: it quotes what could not be read. */
function parse(name: string, text: string): Held {
  try {
    return heldSchema.parse(JSON.parse(text));
  } catch {
    throw refuse(name, 'it is no JSON object whose clientSecret and sessionKey are texts');
  }
}

function refuse(name: string, problem: string): InvalidDocument {
  return new InvalidDocument(`secret ${name}`, problem);
}
