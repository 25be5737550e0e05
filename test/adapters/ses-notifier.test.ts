import { CreateEmailIdentityCommand, SESv2Client } from '@aws-sdk/client-sesv2';
import PostalMime from 'postal-mime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SesNotifier } from '#adapters/ses-notifier.ts';
import { BadInput, ServicePermanent, ServiceTransient } from '#core/errors.ts';
import { findMotoServer, type MotoServer, startMotoServer } from '#test/support/moto-server.ts';
import { type JsonAnswer, type JsonRequest, scriptedWire, serviceRefusal } from '#test/support/scripted-wire.ts';

const FROM = 'lockstep@example.org';
const MAIL = {
  to: ['a@example.org', 'b@example.org', 'c@example.org'],
  subject: 'Approve?',
  text: 'One file differs.',
};

describe('SesNotifier', () => {
  test('sends every recipient the same message, that names them all, in a call of its own', async () => {
    const ses = scriptedSes();
    const text = `Gr\u00fc\u00dfe \u2713\n.\n${'long '.repeat(300)}`;
    await ses.notifier.send({ ...MAIL, subject: '\u00c4nderung \u2713', text });
    expect(ses.sentTo()).toEqual(MAIL.to);
    const messages = ses.requests.map(rawMessage);
    expect(new Set(messages.map(String)).size).toBe(1);
    const mail = await PostalMime.parse(messages[0] ?? '');
    expect(mail.subject).toBe('\u00c4nderung \u2713');
    expect(mail.text?.replaceAll('\r\n', '\n').trim()).toBe(text.trim());
    expect(mail.to?.map(({ address }) => address)).toEqual(MAIL.to);
    expect(mail.from).toEqual({ name: 'Lockstep', address: FROM });
    expect(mail.date).toBe('2026-01-02T03:04:05.000Z');
    expect(ses.requests[0]?.body.FromEmailAddress).toBe(FROM);
    expect(ses.refused).toEqual([]);
  });

  test('tells of an address that is refused, and sends to the others', async () => {
    const ses = scriptedSes((to) => (to === 'a@example.org' ? serviceRefusal(400, 'MessageRejected') : TAKEN));
    await ses.notifier.send(MAIL);
    expect(ses.sentTo()).toEqual(MAIL.to);
    expect(ses.refused).toEqual(['a@example.org: Amazon SES: it refused (MessageRejected: because)']);
  });

  test('fails for good when nobody could be told', async () => {
    const ses = scriptedSes(() => serviceRefusal(400, 'MessageRejected'));
    await expect(ses.notifier.send(MAIL)).rejects.toThrow(ServicePermanent);
    await expect(ses.notifier.send(MAIL)).rejects.toThrow(/nobody could be told: a@example.org: .*b@example.org: /);
    expect(ses.refused).toEqual([]);
  });

  test.each([
    [ServiceTransient, serviceRefusal(429, 'TooManyRequestsException')],
    [ServiceTransient, serviceRefusal(400, 'ThrottlingException')],
    [ServiceTransient, serviceRefusal(500, 'InternalServiceErrorException')],
    [ServicePermanent, serviceRefusal(400, 'SendingPausedException')],
    [ServicePermanent, serviceRefusal(400, 'AccountSuspendedException')],
    [ServicePermanent, serviceRefusal(403, 'AccessDeniedException')],
  ])('throws %o where SES answers one of them %o, once it has tried the others', async (expected, refusal) => {
    const ses = scriptedSes((to) => (to === 'b@example.org' ? refusal : TAKEN));
    await expect(ses.notifier.send(MAIL)).rejects.toThrow(expected);
    expect(new Set(ses.sentTo())).toEqual(new Set(MAIL.to));
  });

  test('ends with the signal that ends the work', async () => {
    const ses = scriptedSes(() => TAKEN, AbortSignal.abort());
    await expect(ses.notifier.send(MAIL)).rejects.toMatchObject({ name: 'AbortError' });
    expect(ses.requests).toEqual([]);
  });

  test.each([
    ['a subject with a line break', { ...MAIL, subject: 'Hello\r\nBcc: spy@example.org' }],
    ['two recipients in one', { ...MAIL, to: ['ops@example.org,spy@example.org'] }],
  ])('refuses %s and sends nothing', async (_, mail) => {
    const ses = scriptedSes();
    await expect(ses.notifier.send(mail)).rejects.toThrow(BadInput);
    expect(ses.requests).toEqual([]);
  });
});

const program = await findMotoServer();

if (program === undefined) {
  const reason = 'moto_server, a stand-in for SES, is not on PATH (pip install "moto[server]")';
  console.warn(`SKIPPED: SesNotifier over the wire: ${reason}`);
  test('SesNotifier sends over the wire', ({ skip }) => skip(reason));
} else {
  describe('SesNotifier over the wire', () => {
    let server: MotoServer;
    let client: SESv2Client;

    beforeAll(async () => {
      server = await startMotoServer(program);
      const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };
      client = new SESv2Client({ endpoint: server.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
    });

    afterAll(async () => {
      client?.destroy();
      await server?.stop();
    });

    test('sends from an identity that is verified, and is refused from another', async () => {
      const onRefused = () => undefined;
      await client.send(new CreateEmailIdentityCommand({ EmailIdentity: FROM }));
      await new SesNotifier({ client, from: FROM, onRefused }).send(MAIL);
      const unverified = new SesNotifier({ client, from: 'somebody@example.com', onRefused });
      await expect(unverified.send(MAIL)).rejects.toThrow(ServicePermanent);
      const sent = await sentBy(server);
      // moto adds the recipients of the header to those that it was told, which SES does not.
      expect(sent.slice(-3).map(({ destinations: [first] }) => first)).toEqual(MAIL.to);
      const mail = await PostalMime.parse(sent[0]?.raw_data ?? '');
      expect(mail).toMatchObject({ subject: 'Approve?', text: 'One file differs.\n' });
    });
  });
}

async function sentBy(server: MotoServer): Promise<{ readonly destinations: string[]; readonly raw_data: string }[]> {
  const answer = await fetch(`${server.endpoint}/moto-api/data.json`);
  return ((await answer.json()) as { ses: { RawMessage: never } }).ses.RawMessage;
}

const TAKEN: JsonAnswer = { status: 200, body: { MessageId: 'one' } };

function rawMessage({ body }: JsonRequest): Buffer {
  const { Raw } = body.Content as { readonly Raw: { readonly Data: string } };
  return Buffer.from(Raw.Data, 'base64');
}

function recipientOf({ body }: JsonRequest): string {
  return (body.Destination as { readonly ToAddresses: readonly string[] }).ToAddresses.join(' and ');
}

function scriptedSes(answer: (to: string) => JsonAnswer = () => TAKEN, signal?: AbortSignal) {
  const { requests, settings } = scriptedWire((request) => answer(recipientOf(request)));
  const refused: string[] = [];
  const notifier = new SesNotifier({
    client: new SESv2Client({ ...settings, maxAttempts: 1 }),
    from: FROM,
    onRefused: (address, problem) => refused.push(`${address}: ${problem}`),
    now: () => new Date('2026-01-02T03:04:05Z'),
    ...(signal && { signal }),
  });
  return { notifier, refused, requests, sentTo: () => requests.map(recipientOf) };
}
