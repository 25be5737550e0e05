import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import PostalMime from 'postal-mime';
import { describe, expect, test } from 'vitest';
import { OutboxNotifier } from '#adapters/outbox-notifier.ts';
import { BadInput, ServicePermanent } from '#core/errors.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const MAIL = { to: ['ops@example.org'], subject: 'Approve a sync', text: 'One file differs.' };

describe('OutboxNotifier', () => {
  test('leaves a mail that a mail program reads as it was meant', async () => {
    const outbox = await openOutbox();
    const text = `Zeile 1: Gr\u00fc\u00dfe \u2713\n.\n\nFrom here on\n${'long '.repeat(300)}`;
    const to = ['ops@example.org', "o'brien+plc@example.org"];
    await outbox.notifier.send({ to, subject: '\u00c4nderung an plant-1/hmi \u2713', text });
    const [mail] = await outbox.mails();
    expect(mail?.subject).toBe('\u00c4nderung an plant-1/hmi \u2713');
    expect(mail?.to?.map(({ address }) => address)).toEqual(to);
    expect(mail?.text?.replaceAll('\r\n', '\n').trim()).toBe(text.trim());
    expect(mail?.date).toBe('2026-01-02T03:04:05.000Z');
    expect(mail?.from?.address).toBe('lockstep@localhost');
  });

  test('announces each mail in one line that names its file', async () => {
    const outbox = await openOutbox();
    await outbox.notifier.send(MAIL);
    const [name = ''] = await outbox.names();
    expect(outbox.lines).toEqual([`mail to ops@example.org: Approve a sync (${join(outbox.folder, name)})`]);
  });

  test('names files so that they sort by time and never meet', async () => {
    const outbox = await openOutbox();
    await Promise.all(Array.from({ length: 20 }, () => outbox.notifier.send(MAIL)));
    outbox.clock.setFullYear(2027);
    await outbox.notifier.send({ ...MAIL, subject: 'the last' });
    const mails = await outbox.mails();
    expect(mails).toHaveLength(21);
    expect(mails.at(-1)?.subject).toBe('the last');
    expect((await outbox.names())[0]).toMatch(/^20260102T030405\.000Z-[0-9a-f]{8}\.eml$/);
  });

  test.each([
    ['a subject with a line break', { ...MAIL, subject: 'Hello\r\nBcc: spy@example.org' }],
    ['a subject with a bare line feed', { ...MAIL, subject: 'Hello\nBcc: spy@example.org' }],
    ['a subject that drives a terminal', { ...MAIL, subject: '\u001b[2J' }],
    ['a recipient with a line break', { ...MAIL, to: ['ops@example.org\r\nBcc: spy@example.org'] }],
    ['two recipients in one', { ...MAIL, to: ['ops@example.org,spy@example.org'] }],
    ['a recipient with a name', { ...MAIL, to: ['spy@example.org <ops@example.org>'] }],
    ['a recipient without a host', { ...MAIL, to: ['ops'] }],
  ])('refuses %s and leaves nothing', async (_, mail) => {
    const outbox = await openOutbox();
    await expect(outbox.notifier.send(mail)).rejects.toThrow(BadInput);
    expect(outbox.lines).toEqual([]);
    await expect(readdir(outbox.folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('says what keeps a mail from being left, and what to do', async () => {
    const outbox = await openOutbox();
    await writeFile(outbox.folder, 'a file where the folder should be');
    const sending = outbox.notifier.send(MAIL);
    await expect(sending).rejects.toThrow(ServicePermanent);
    await expect(sending).rejects.toThrow(`outbox ${outbox.folder}: the mail cannot be left there: `);
    expect(outbox.lines).toEqual([]);
  });

  test('takes a text that looks like headers for text', async () => {
    const outbox = await openOutbox();
    await outbox.notifier.send({ ...MAIL, text: 'Bcc: spy@example.org\n\n--boundary' });
    const [mail] = await outbox.mails();
    expect(mail?.bcc ?? []).toEqual([]);
    expect(mail?.text).toContain('Bcc: spy@example.org');
  });
});

async function openOutbox() {
  const folder = join(await temporaryFolder(), 'outbox');
  const clock = new Date('2026-01-02T03:04:05Z');
  const lines: string[] = [];
  const names = async () => (await readdir(folder)).toSorted();
  const parse = async (name: string) => PostalMime.parse(await readFile(join(folder, name)));
  return {
    folder,
    clock,
    lines,
    names,
    notifier: new OutboxNotifier(
      folder,
      (line) => lines.push(line),
      () => clock,
    ),
    mails: async () => Promise.all((await names()).map(parse)),
  };
}
