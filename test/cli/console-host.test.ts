import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { runCaptured, startCaptured } from './captured-cli.ts';

const OIDC = `console-url: https://lockstep.example.org
console: { oidc: { issuer: 'https://login.example.org', client-id: lockstep, roles: { viewer: [staff] } } }`;

async function world(more: string) {
  const folder = await temporaryFolder();
  const config = join(folder, 'fleet.yaml');
  await writeFile(config, `fleet: plant\nsites: { north: { servers: [a] } }\n${more}\n`);
  await writeFile(join(folder, 'secret'), 'of the client\n');
  const options = { stateFolder: join(folder, 'state'), storeUrl: pathToFileURL(join(folder, 'store')).href };
  return { words: ['up', '--config', config, '--console', '0'], secretFile: join(folder, 'secret'), options };
}

it('is refused elsewhere than on this machine without an identity provider', async () => {
  const { options, words } = await world('');
  expect(await runCaptured([...words, '--console-host', '0.0.0.0'], options)).toMatchObject({
    exitStatus: 2,
    err: expect.stringContaining('the console would be open to others at 0.0.0.0'),
  });
});

it('is served there with one, and lockstep console says where people find it', async () => {
  const { options, secretFile, words } = await world(OIDC);
  const stopping = new AbortController();
  const elsewhere = ['--console-host', '0.0.0.0', '--oidc-secret-file', secretFile];
  const run = startCaptured([...words, ...elsewhere], { ...options, signal: stopping.signal });
  await run.saying('Console: https://lockstep.example.org (served at http://0.0.0.0:');
  expect(await runCaptured(['console'], options)).toMatchObject({
    exitStatus: 0,
    out: 'https://lockstep.example.org\n',
  });
  stopping.abort();
  await run.done;
});

it('wants the secret in a file that can be read', async () => {
  const { options, words } = await world(OIDC);
  expect(await runCaptured([...words, '--oidc-secret-file', '/no/such/file'], options)).toMatchObject({
    exitStatus: 2,
    err: expect.stringContaining('the secret in /no/such/file cannot be read'),
  });
});

it.each([
  [
    'a secret in the fleet file',
    OIDC.replace('client-id: lockstep', 'client-id: lockstep, client-secret: x'),
    /client-secret/,
  ],
  [
    'an issuer without TLS',
    OIDC.replace('https://login', 'http://login'),
    /expected the address of the identity provider/,
  ],
  ['no role for anybody', OIDC.replace(', roles: { viewer: [staff] }', ''), /roles/],
])('is not begun with %s', async (_, more, words) => {
  const { options, words: up } = await world(more);
  expect(await runCaptured(up, options)).toMatchObject({ exitStatus: 2, err: expect.stringMatching(words) });
});
