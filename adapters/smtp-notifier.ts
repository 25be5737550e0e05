import { createTransport } from 'nodemailer';
import { ServicePermanent, ServiceTransient } from '#core/errors.ts';
import type { Mail, Notifier } from '#core/ports/notifier.ts';
import type { SmtpServer } from '#core/smtp-server.ts';
import { composeMail } from './mail-message.ts';

/** Milliseconds. */
const TIMEOUTS = { dnsTimeout: 5000, connectionTimeout: 5000, greetingTimeout: 10_000, socketTimeout: 30_000 };

export interface SmtpNotifierParts {
  readonly server: SmtpServer;
  /** Where the server names a user. */
  readonly password: string | undefined;
  readonly from: string;
  /** Told of each address that the server refuses while it takes others. */
  readonly onRefused: (address: string, problem: string) => void;
  readonly now?: () => Date;
  /** PEM of the authority that vouches for the server, where the system knows it not. */
  readonly authority?: string;
}

/**
 * Hands each mail to a mail server, one message for all recipients. TLS with a certificate that is verified, unless the
 * server is this machine. Fails as ServiceTransient where another attempt may help, else as ServicePermanent.
 */
export class SmtpNotifier implements Notifier {
  readonly #parts: SmtpNotifierParts;

  constructor(parts: SmtpNotifierParts) {
    this.#parts = parts;
  }

  async send(mail: Mail): Promise<void> {
    const { from, now = () => new Date(), onRefused } = this.#parts;
    const raw = await composeMail(mail, from, now());
    const transport = createTransport(optionsOf(this.#parts));
    try {
      const sent = await transport.sendMail({ envelope: { from, to: [...mail.to] }, raw });
      for (const error of sent.rejectedErrors ?? []) onRefused(error.recipient ?? '', error.response ?? error.message);
    } catch (error) {
      throw toServiceError(this.#parts.server, error);
    } finally {
      transport.close();
    }
  }
}

function optionsOf({ authority, password, server }: SmtpNotifierParts) {
  const { host, port, tls, user } = server;
  return {
    ...TIMEOUTS,
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { minVersion: 'TLSv1.2' as const, ...(authority !== undefined && { ca: authority }) },
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function toServiceError({ host, port }: SmtpServer, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const ServiceError = isTransient(error) ? ServiceTransient : ServicePermanent;
  return new ServiceError(`mail server ${host}:${port}`, `the mail was not taken: ${error.message}`, { cause: error });
}

/** What the server said itself counts; without a word from it, whether it may be there later. */
function isTransient({ code = '', originalCode = '', permanent }: SmtpError): boolean {
  if (permanent !== undefined) return !permanent;
  return TRANSIENT_CODES.has(code) && !/CERT|SIGNATURE|^ERR_(SSL|TLS)/.test(originalCode);
}

type SmtpError = Error & {
  readonly code?: unknown;
  readonly originalCode?: string;
  readonly permanent?: boolean;
};

const TRANSIENT_CODES: ReadonlySet<unknown> = new Set(['ECONNECTION', 'EDNS', 'ESOCKET', 'ETIMEDOUT']);
