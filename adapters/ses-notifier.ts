import { SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2';
import { ServicePermanent, ServiceTransient } from '#core/errors.ts';
import type { Mail, Notifier } from '#core/ports/notifier.ts';
import { composeMail } from './mail-message.ts';
import { toServiceError } from './service-errors.ts';

const SES = 'Amazon SES';

/** Milliseconds. */
const REQUEST_HANDLER = { connectionTimeout: 3000, requestTimeout: 10_000, throwOnRequestTimeout: true };

/** A client for the endpoint, region and credentials of the SDK's own variables and files; adaptive: it slows down when told to. */
export function createSesClient(): SESv2Client {
  return new SESv2Client({ maxAttempts: 5, retryMode: 'adaptive', requestHandler: REQUEST_HANDLER });
}

export interface SesNotifierParts {
  readonly client: SESv2Client;
  /** An address of an identity that SES has verified. */
  readonly from: string;
  /** Told of each address that SES refuses while it takes others. */
  readonly onRefused: (address: string, problem: string) => void;
  readonly now?: () => Date;
  readonly signal?: AbortSignal;
}

/**
 * Sends through Amazon SES, to each recipient in a call of its own: one address that is refused (MessageRejected, as for
 * every unverified one in the sandbox) keeps nobody else's mail back. It fails when nobody could be told; and, as
 * ServiceTransient, when somebody may yet be. Sent again, a mail comes a second time to whom it had reached: SES knows
 * no repeated call from a new one.
 */
export class SesNotifier implements Notifier {
  readonly #parts: SesNotifierParts;

  constructor(parts: SesNotifierParts) {
    this.#parts = parts;
  }

  async send(mail: Mail): Promise<void> {
    const { from, now = () => new Date(), onRefused } = this.#parts;
    const message = await composeMail(mail, from, now());
    const failures: Failure[] = [];
    // One after the other: the limit of SES is on recipients per second, and approvers are few.
    for (const address of mail.to) {
      const error = await this.#sendTo(address, message);
      if (error !== undefined) failures.push({ address, error });
    }
    const unsettled = failures.find(({ error }) => !isRefusal(error));
    if (unsettled !== undefined) throw unsettled.error;
    if (failures.length === mail.to.length)
      throw new ServicePermanent(SES, describe(failures), { cause: failures[0]?.error });
    for (const { address, error } of failures) onRefused(address, error.message);
  }

  /** `undefined` when it was taken. */
  async #sendTo(address: string, message: Buffer): Promise<Error | undefined> {
    const { client, from, signal } = this.#parts;
    const command = new SendEmailCommand({
      FromEmailAddress: from,
      Destination: { ToAddresses: [address] },
      Content: { Raw: { Data: message } },
    });
    try {
      await client.send(command, signal && { abortSignal: signal });
      return undefined;
    } catch (error) {
      const sorted = toServiceError(SES, error);
      if (sorted instanceof ServicePermanent || sorted instanceof ServiceTransient) return sorted;
      throw sorted;
    }
  }
}

interface Failure {
  readonly address: string;
  readonly error: Error;
}

/** About this one address, not about the sender, his permission or the service. */
function isRefusal({ cause }: Error): boolean {
  return cause instanceof Error && (cause.name === 'MessageRejected' || cause.name === 'BadRequestException');
}

function describe(failures: readonly Failure[]): string {
  return `nobody could be told: ${failures.map(({ address, error }) => `${address}: ${error.message}`).join('; ')}`;
}
