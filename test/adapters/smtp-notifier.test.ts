import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { SmtpNotifier, type SmtpNotifierParts } from '#adapters/smtp-notifier.ts';
import { BadInput, ServicePermanent, ServiceTransient } from '#core/errors.ts';
import { parseSmtpUrl } from '#core/smtp-server.ts';
import { CONSOLE, ConsoleUnderTest } from '#test/console/browser.ts';
import { planFleet } from '#test/functions/planned-fleet.ts';
import { openMailServer } from '#test/support/mail-server.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const MAIL = {
  to: ['a@example.org', 'b@example.org'],
  subject: 'Approve?',
  text: 'One file.',
  html: '<p>One file.</p>',
};

const NO_OPENSSL = 'there is no openssl to make a certificate with';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function openServer(options: SMTPServerOptions = {}) {
  const server = await openMailServer(options);
  closing.push(server.close);
  return server;
}

function openNotifier(url: string, more: Partial<SmtpNotifierParts> = {}) {
  const refused: string[] = [];
  const onRefused = (address: string, problem: string) => void refused.push(`${address}: ${problem}`);
  const base = { server: parseSmtpUrl(url), password: undefined, from: 'lockstep@example.org', onRefused };
  return { notifier: new SmtpNotifier({ ...base, ...more }), refused };
}

function errorOf(sending: Promise<unknown>): Promise<unknown> {
  return sending.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** For this machine, by an authority that nobody knows; `undefined` where there is no openssl. */
async function makeCertificate() {
  const folder = await temporaryFolder();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const { status } = spawnSync('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert]);
  if (status !== 0) return undefined;
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
}

describe('SmtpNotifier', () => {
  it('hands the mail to a server once for all, as text and as HTML', async () => {
    const { port, received } = await openServer();
    await openNotifier(`smtp://127.0.0.1:${port}`).notifier.send(MAIL);
    expect(received).toMatchObject([{ recipients: MAIL.to, secure: false }]);
    const mail = received[0]?.mail;
    expect(mail).toMatchObject({ subject: 'Approve?', from: { name: 'Lockstep', address: 'lockstep@example.org' } });
    expect(mail?.text?.trim()).toBe('One file.');
    expect(mail?.html?.trim()).toBe('<p>One file.</p>');
    expect(mail?.headers.find(({ key }) => key === 'content-type')?.value).toMatch(/^multipart\/alternative/);
  });

  it('brings an approver to the plan by the link of the mail, which shows and does not decide', async () => {
    const planned = await planFleet(1, { consoleUrl: CONSOLE });
    closing.push(() => planned.fleet.end());
    const { port, received } = await openServer();
    const [asked] = planned.mails;
    if (asked !== undefined) await openNotifier(`smtp://127.0.0.1:${port}`).notifier.send(asked);
    const mail = received[0]?.mail;
    const [, link = ''] = /<a href="([^"]+)"/.exec(mail?.html ?? '') ?? [];
    expect(link).toBe(`${CONSOLE}/approvals/${planned.sync}`);
    expect(mail?.text).toContain(link);
    const { signer, store } = planned.dependencies;
    const approver = new ConsoleUnderTest({ store, controlKey: signer.publicKey }).signIn('approver');
    const shown = await approver.get(new URL(link).pathname);
    const [code = ''] = /[0-9a-f]{4}-[0-9a-f]{4}(?=\))/.exec(mail?.subject ?? '') ?? [];
    expect(shown.text).toContain(`<code>${code}</code>`);
    const decided = await approver.follow(
      await approver.submit(new URL(link).pathname, { code, decision: 'APPROVED' }),
    );
    expect(decided.text).toContain('You have approved plan');
  });

  it('tells of an address that is refused, and keeps nobody else waiting', async () => {
    const { port, received } = await openServer({
      onRcptTo: ({ address }, _, answer) =>
        answer(address === 'b@example.org' ? Object.assign(new Error('no such box'), { responseCode: 550 }) : null),
    });
    const { notifier, refused } = openNotifier(`smtp://127.0.0.1:${port}`);
    await notifier.send(MAIL);
    expect(received[0]?.recipients).toEqual(['a@example.org']);
    expect(refused).toEqual(['b@example.org: 550 no such box']);
  });

  it.each([
    [550, ServicePermanent],
    [451, ServiceTransient],
  ])('sorts the answer %i', async (responseCode, kind) => {
    const onRcptTo: SMTPServerOptions['onRcptTo'] = (_, __, answer) =>
      answer(Object.assign(new Error('not now'), { responseCode }));
    const { port } = await openServer({ onRcptTo });
    const error = await errorOf(openNotifier(`smtp://127.0.0.1:${port}`).notifier.send(MAIL));
    expect(error).toBeInstanceOf(kind);
    expect(String(error)).toContain(`mail server 127.0.0.1:${port}: the mail was not taken`);
  });

  it('takes a server that is not there for one that may come', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    expect(await errorOf(openNotifier(`smtp://127.0.0.1:${port}`).notifier.send(MAIL))).toBeInstanceOf(
      ServiceTransient,
    );
  });

  it('signs in, and says nothing of the password when it is wrong', async () => {
    const { port, received } = await openServer();
    const url = `smtp://user%40example.org@127.0.0.1:${port}`;
    await openNotifier(url, { password: 'secret' }).notifier.send(MAIL);
    expect(received[0]?.user).toBe('user@example.org');
    const error = await errorOf(openNotifier(url, { password: 'hunter22' }).notifier.send(MAIL));
    expect(error).toBeInstanceOf(ServicePermanent);
    expect(JSON.stringify([error, String(error), String((error as Error).cause)])).not.toContain('hunter22');
  });

  it('speaks TLS from the first byte, or before anything is said, with a certificate that it trusts', async (context) => {
    const certificate = await makeCertificate();
    if (certificate === undefined) return context.skip(NO_OPENSSL);
    const implicit = await openServer({ ...certificate, secure: true });
    await openNotifier(`smtps://127.0.0.1:${implicit.port}`, { authority: certificate.cert }).notifier.send(MAIL);
    const upgraded = await openServer({ ...certificate, hideSTARTTLS: false });
    const server = { ...parseSmtpUrl(`smtp://127.0.0.1:${upgraded.port}`), tls: 'starttls' } as const;
    await openNotifier('smtp://127.0.0.1', { server, authority: certificate.cert }).notifier.send(MAIL);
    expect([implicit.received[0]?.secure, upgraded.received[0]?.secure]).toEqual([true, true]);
  });

  it('says nothing to a server whose certificate nobody vouches for, nor to one without TLS', async (context) => {
    const certificate = await makeCertificate();
    if (certificate === undefined) return context.skip(NO_OPENSSL);
    const unknown = await openServer({ ...certificate, secure: true });
    const error = await errorOf(openNotifier(`smtps://127.0.0.1:${unknown.port}`).notifier.send(MAIL));
    expect(error).toBeInstanceOf(ServicePermanent);
    const plain = await openServer();
    const server = { ...parseSmtpUrl(`smtp://127.0.0.1:${plain.port}`), tls: 'starttls' } as const;
    expect(await errorOf(openNotifier('smtp://127.0.0.1', { server }).notifier.send(MAIL))).toBeInstanceOf(
      ServicePermanent,
    );
    expect([...unknown.received, ...plain.received]).toEqual([]);
  });
});

describe('the address of a mail server', () => {
  it('says how it is spoken to', () => {
    expect(parseSmtpUrl('smtps://mail.example.org')).toMatchObject({ port: 465, tls: 'implicit' });
    expect(parseSmtpUrl('smtp://ops%40x@mail.example.org')).toMatchObject({
      port: 587,
      tls: 'starttls',
      user: 'ops@x',
    });
    expect(parseSmtpUrl('smtp://[::1]:2525')).toEqual({ host: '::1', port: 2525, tls: 'none', user: undefined });
  });

  it.each(['mail.example.org', 'https://mail.example.org', 'smtp://', 'smtp://a/b', 'smtp://a?x=1', 'smtps://u:p@a'])(
    'is not %s',
    (text) => {
      expect(() => parseSmtpUrl(text)).toThrow(BadInput);
    },
  );
});
