import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { startCaptured } from './captured-cli.ts';

it('a second controller of a store says whose turn it is, and touches nothing', async () => {
  const folder = await temporaryFolder();
  const config = join(folder, 'fleet.yaml');
  await writeFile(config, 'fleet: test\nsites:\n  plant:\n    servers: [hmi]\n');
  const store = await DirectoryStore.open(join(folder, 'store'));
  const until = new Date(Date.now() + 600_000).toISOString();
  const lease = { by: 'somebody on another machine', startedAt: until, holder: 'another', until };
  await store.put(keys.controllerLease(), encodeDocument({ format: 'lockstep-controller-lease/1', ...lease }));
  const stopping = new AbortController();
  const run = startCaptured(['up', '--no-console', '--config', config], {
    stateFolder: join(folder, 'state'),
    storeUrl: pathToFileURL(join(folder, 'store')).href,
    signal: stopping.signal,
  });
  await run.saying('Standing by');
  stopping.abort();
  const { err, exitStatus, out } = await run.done;
  expect(`${out}${err}`).toContain(`somebody on another machine, until ${until} unless it goes on`);
  expect(exitStatus).toBe(0);
  expect(await store.head(keys.fleet())).toBeUndefined();
});
