import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadProfile } from '#adapters/profile-file.ts';
import { StatIndex } from '#agents/stat-index.ts';
import { rememberFiles } from '#bench/remember-files.ts';
import { profileDigest } from '#core/profile.ts';
import { memoryOf, serverIdOf } from '#embedded/local-server.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { writeTree } from '#test/support/trees.ts';

it('leaves an agent remembering files that were only just written', async () => {
  const place = await temporaryFolder();
  const [folder, state] = [join(place, 'tree'), join(place, 'state')];
  writeTree(folder, { a: 'a', 'b/c': 'c' });
  const root = realpathSync(folder);
  const stateFolder = memoryOf(state, serverIdOf(root));
  mkdirSync(stateFolder, { recursive: true });
  await rememberFiles({ folder, state }, new AbortController().signal);
  const statIndex = new StatIndex({ stateFolder, root, now: () => new Date(), log: expect.unreachable });
  const { known } = await statIndex.beginScan(profileDigest(await loadProfile('generic')));
  expect(known?.classes).toHaveLength(2);
});
