import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ServicePermanent, ServiceTransient } from '#core/errors.ts';
import type { Mail, Notifier } from '#core/ports/notifier.ts';
import { createFileDurably, makeFolderDurably } from './durable-file.ts';
import { describeFileFault } from './file-errors.ts';
import { composeMail } from './mail-message.ts';

const SENDER = 'lockstep@localhost';

/**
 * Leaves each mail as an .eml file, which any mail program opens, and announces it in one line. File names sort by
 * time. For machines without a mail server.
 */
export class OutboxNotifier implements Notifier {
  readonly #folder: string;
  readonly #announce: (line: string) => void;
  readonly #now: () => Date;

  constructor(folder: string, announce: (line: string) => void, now: () => Date = () => new Date()) {
    this.#folder = folder;
    this.#announce = announce;
    this.#now = now;
  }

  async send(mail: Mail): Promise<void> {
    const date = this.#now();
    const path = join(this.#folder, fileNameAt(date));
    const message = await composeMail(mail, SENDER, date);
    await this.#leave(path, message);
    this.#announce(`mail to ${mail.to.join(', ')}: ${mail.subject} (${path})`);
  }

  /** ServiceTransient where another attempt may help, ServicePermanent where a person has to act. */
  async #leave(path: string, message: Uint8Array): Promise<void> {
    try {
      await makeFolderDurably(this.#folder);
      // A name holds a random part: one that is taken is somebody's mischief.
      if (await createFileDurably(path, message)) return;
    } catch (cause) {
      const { isTransient, problem } = describeFileFault(cause);
      const ServiceError = isTransient ? ServiceTransient : ServicePermanent;
      throw new ServiceError(`outbox ${this.#folder}`, `the mail cannot be left there: ${problem}`, { cause });
    }
    throw new ServiceTransient(`outbox ${this.#folder}`, `the file ${path} exists already`);
  }
}

function fileNameAt(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:]/g, '')}-${randomBytes(4).toString('hex')}.eml`;
}
