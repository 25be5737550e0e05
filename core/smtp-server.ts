import * as z from 'zod';
import { BadInput } from './errors.ts';
import { isLoopback } from './loopback.ts';

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** From the first byte, or before anything is said; without only on this machine. */
  readonly tls: 'implicit' | 'starttls' | 'none';
  /** Who signs in there, if anybody. */
  readonly user: string | undefined;
}

/** `smtps://mail.example.org`, `smtp://mail.example.org:587` (STARTTLS), with `user@` where one signs in. */
export const smtpUrlSchema = z
  .string()
  .max(300)
  .superRefine((text, context) => {
    const found = readSmtpUrl(text);
    if (typeof found === 'string') context.addIssue({ code: 'custom', message: found });
  });

/** Throws BadInput. */
export function parseSmtpUrl(text: string): SmtpServer {
  const found = readSmtpUrl(text);
  if (typeof found === 'string') throw new BadInput(`${JSON.stringify(text)} names no mail server: ${found}`);
  return found;
}

/** The server, or what is wrong. */
function readSmtpUrl(text: string): SmtpServer | string {
  const { hash, hostname, password, pathname, port, protocol, search, username } = URL.canParse(text)
    ? new URL(text)
    : new URL('none:');
  const isImplicit = protocol === 'smtps:';
  if ((!isImplicit && protocol !== 'smtp:') || hostname === '') return EXPECTED;
  if (hash !== '' || search !== '' || !['', '/'].includes(pathname)) return EXPECTED;
  if (password !== '') return 'it may hold no password: that comes from LOCKSTEP_SMTP_PASSWORD, or from a file';
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? DEFAULT_PORTS[isImplicit ? 'implicit' : 'starttls'] : Number(port),
    tls: isImplicit ? 'implicit' : isLoopback(hostname) ? 'none' : 'starttls',
    user: username === '' ? undefined : decodeURIComponent(username),
  };
}

const EXPECTED = 'expected smtps://HOST or smtp://HOST, with USER@ and :PORT where they are needed';

/** RFC 8314, RFC 6409. */
const DEFAULT_PORTS = { implicit: 465, starttls: 587 } as const;
