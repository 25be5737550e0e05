import { OutboxNotifier } from '#adapters/outbox-notifier.ts';
import { SmtpNotifier } from '#adapters/smtp-notifier.ts';
import { BadInput } from '#core/errors.ts';
import type { Fleet } from '#core/fleet.ts';
import type { Notifier } from '#core/ports/notifier.ts';
import { printable } from '#core/printable.ts';
import { parseSmtpUrl } from '#core/smtp-server.ts';
import type { Log } from '#functions/dependencies.ts';
import type { CommandContext } from './context.ts';
import { readSecretFile } from './read-secret-file.ts';

export interface OpenNotifier {
  readonly fleet: Pick<Fleet, 'mail'>;
  /** Where mails stay while the fleet file names no mail server. */
  readonly outbox: string;
  readonly passwordFile: string | undefined;
  readonly log: Log;
}

export interface OpenedNotifier {
  readonly notifier: Notifier;
  /** For people. */
  readonly goesTo: string;
}

/** The mail server that the fleet file names, or the outbox. BadInput where a password is wanted and nobody gives it. */
export async function openNotifier(context: CommandContext, wish: OpenNotifier): Promise<OpenedNotifier> {
  const { now, smtpPassword, terminal } = context;
  const { fleet, log, outbox, passwordFile } = wish;
  if (fleet.mail === undefined)
    return { notifier: new OutboxNotifier(outbox, (line) => terminal.say(printable(line)), now), goesTo: outbox };
  const server = parseSmtpUrl(fleet.mail.smtp);
  const password = passwordFile === undefined ? smtpPassword : await readSecretFile(passwordFile);
  if (server.user !== undefined && password === undefined)
    throw new BadInput(
      `${server.host} wants a password of ${server.user}: give it in LOCKSTEP_SMTP_PASSWORD, or in a file with --smtp-password-file`,
    );
  const onRefused = (address: string, problem: string) => log('mail-refused', { address, problem });
  const notifier = new SmtpNotifier({ server, password, from: fleet.mail.from, onRefused, now });
  return { notifier, goesTo: `${server.host}:${server.port}` };
}
