import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Received {
  readonly recipients: readonly string[];
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly mail: Email;
}

export interface MailServer {
  readonly port: number;
  readonly received: readonly Received[];
  close(): Promise<void>;
}

/** A mail server of this machine that takes what it is given, and reads it as a mail program does. */
export async function openMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    hideSTARTTLS: true,
    onAuth: ({ password, username = '' }, _, answer) =>
      password === 'secret' ? answer(null, { user: username }) : answer(new Error('wrong password')),
    onData: (stream, session, answer) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      const take = async () => {
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        const mail = await PostalMime.parse(Buffer.concat(parts));
        received.push({ recipients, secure: session.secure, user: session.user, mail });
      };
      stream.on('end', () => void take().then(() => answer(), answer));
    },
    ...options,
  });
  // A client that turns away in the middle of a handshake is an error there.
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
