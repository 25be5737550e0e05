import * as z from 'zod';
import { createSesClient, SesNotifier } from '#adapters/ses-notifier.ts';
import { parseValue } from '#core/documents.ts';
import type { Notifier } from '#core/ports/notifier.ts';
import type { Log } from '../dependencies.ts';
import type { Environment } from '../open-dependencies.ts';

/** The address that mails come from: of an identity that SES has verified. */
const schema = z.object({ LOCKSTEP_MAIL_FROM: z.email() });

export async function openNotifier(environment: Environment, log: Log): Promise<Notifier> {
  const { LOCKSTEP_MAIL_FROM } = parseValue('environment of the function', schema, environment);
  const onRefused = (address: string, problem: string) => log('mail-refused', { address, problem });
  return new SesNotifier({ client: createSesClient(), from: LOCKSTEP_MAIL_FROM, onRefused });
}
