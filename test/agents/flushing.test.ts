import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Flushing } from '#agents/flushing.ts';
import { testFolder } from './test-folder.ts';

it('says what went wrong with a file on its way to the disk, however many went well', async () => {
  const folder = testFolder();
  writeFileSync(join(folder, 'well'), 'content');
  const flushing = new Flushing();
  flushing.add(join(folder, 'well'));
  await flushing.settled();
  flushing.assertWell();
  flushing.add(join(folder, 'gone'));
  flushing.add(join(folder, 'well'));
  await flushing.settled();
  expect(() => flushing.assertWell()).toThrow('ENOENT');
});
