import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { runCaptured, startCaptured } from './captured-cli.ts';

async function world(mail: string) {
  const folder = await temporaryFolder();
  const config = join(folder, 'fleet.yaml');
  await writeFile(config, `fleet: plant\nsites: { north: { servers: [a] } }\n${mail}\n`);
  await writeFile(join(folder, 'password'), 'secret\n');
  const options = { stateFolder: join(folder, 'state'), storeUrl: pathToFileURL(join(folder, 'store')).href };
  return { words: ['up', '--config', config, '--no-console'], passwordFile: join(folder, 'password'), options };
}

const WITH_USER = 'mail: { smtp: smtps://me@mail.example.org, from: lockstep@example.org }';

it('is where a controller says that mail goes, else to its outbox', async () => {
  const [served, kept] = [await world(WITH_USER), await world('')];
  for (const [{ options, words }, more, place] of [
    [served, ['--smtp-password-file', served.passwordFile], 'Mail goes to mail.example.org:465'],
    [kept, [], 'outbox'],
  ] as const) {
    const stopping = new AbortController();
    const run = startCaptured([...words, ...more], { ...options, signal: stopping.signal });
    await run.saying(place);
    stopping.abort();
    await run.done;
  }
});

it('is not begun with where it wants a password and nobody gives one', async () => {
  const { options, words } = await world(WITH_USER);
  const without = await runCaptured(words, options);
  expect(without).toMatchObject({ exitStatus: 2, err: expect.stringContaining('LOCKSTEP_SMTP_PASSWORD') });
  const missing = await runCaptured([...words, '--smtp-password-file', '/no/such/file'], options);
  expect(missing).toMatchObject({ exitStatus: 2, err: expect.stringContaining('/no/such/file cannot be read') });
});
