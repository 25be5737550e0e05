import MimeNode from 'nodemailer/lib/mime-node';
import { BadInput } from '#core/errors.ts';
import type { Mail } from '#core/ports/notifier.ts';

/** The message as it travels: MIME, lines ended by CRLF. BadInput for what could add a header or a recipient. */
export async function composeMail({ html, subject, text, to }: Mail, from: string, date: Date): Promise<Buffer> {
  assertOneLine('subject', subject);
  [from, ...to].forEach(assertAddress);
  const message = new MimeNode(html === undefined ? TEXT : 'multipart/alternative', OPTIONS);
  // Addresses go in as parsed objects, so that none can name a second one.
  message.setHeader({
    from: { name: 'Lockstep', address: from },
    to: to.map((address) => ({ name: '', address })),
    subject,
    date,
  });
  if (html === undefined) return await message.setContent(text).build();
  // The last is the one that a mail program shows if it can.
  message.createChild(TEXT).setContent(text);
  message.createChild('text/html; charset=utf-8').setContent(html);
  return await message.build();
}

const TEXT = 'text/plain; charset=utf-8';

/** Nothing is read from file or URL. */
const OPTIONS = { newline: 'win', disableFileAccess: true, disableUrlAccess: true } as const;

function assertAddress(address: string): void {
  assertOneLine('address', address);
  if (!/^[^\s<>()[\]\\,;:"@]+@[^\s<>()\\,;"@]+$/.test(address)) {
    throw new BadInput(`mail address ${JSON.stringify(address)} is not one such as name@example.org`);
  }
}

/** Control characters could end a header, or drive the terminal that shows the announcement. */
function assertOneLine(field: string, value: string): void {
  if (!/[\p{Cc}\u2028\u2029]/u.test(value)) return;
  throw new BadInput(`mail ${field} ${JSON.stringify(value)} holds a line break or another control character`);
}
