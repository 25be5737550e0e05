import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { BadInput } from '#core/errors.ts';
import type { Mail, Notifier } from '#core/ports/notifier.ts';
import { createFileDurably, makeFolderDurably } from './durable-file.ts';

const SENDER = { name: 'Lockstep', address: 'lockstep@localhost' };

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
    assertOneLine('subject', mail.subject);
    mail.to.forEach(assertAddress);
    const date = this.#now();
    const path = join(this.#folder, fileNameAt(date));
    const message = await compose(mail, date);
    await makeFolderDurably(this.#folder);
    if (!(await createFileDurably(path, message))) throw new Error(`outbox file ${path} exists already`);
    this.#announce(`mail to ${mail.to.join(', ')}: ${mail.subject} (${path})`);
  }
}

/** Addresses go in as parsed objects, so that none can name a second recipient; nothing is read from file or URL. */
async function compose({ to, subject, text }: Mail, date: Date): Promise<Buffer> {
  const composer = createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'windows',
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const recipients = to.map((address) => ({ name: '', address }));
  const { message } = await composer.sendMail({ from: SENDER, to: recipients, subject, text, date });
  if (!Buffer.isBuffer(message)) throw new Error('nodemailer answered with a stream where a buffer was asked for');
  return message;
}

function fileNameAt(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:]/g, '')}-${randomBytes(4).toString('hex')}.eml`;
}

function assertAddress(address: string): void {
  assertOneLine('recipient', address);
  if (!/^[^\s<>()[\]\\,;:"@]+@[^\s<>()\\,;"@]+$/.test(address)) {
    throw new BadInput(`mail recipient ${JSON.stringify(address)} is not an address such as name@example.org`);
  }
}

/** Control characters could end a header, or drive the terminal that shows the announcement. */
function assertOneLine(field: string, value: string): void {
  if (!/[\p{Cc}\u2028\u2029]/u.test(value)) return;
  throw new BadInput(`mail ${field} ${JSON.stringify(value)} holds a line break or another control character`);
}
