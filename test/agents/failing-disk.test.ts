import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AgentState } from '#agents/state.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

it('does not obey an order again when the answer to it could not be written down, and says what it has done', async () => {
  const [source, destination, stateFolder] = [testFolder(), testFolder(), testFolder()];
  writeTree(source, { 'a.ini': 'new' });
  writeTree(destination, { 'a.ini': 'old' });
  const control = new Control();
  const answer = join(stateFolder, 'unsent-receipt.json');
  const failures: string[] = [];
  const log = (event: string) => {
    // No file can take the place of a folder.
    if (event === 'order-begun' && failures.length === 0) mkdirSync(join(answer, 'in-the-way'), { recursive: true });
    if (event !== 'cycle-failed') return;
    failures.push(event);
    rmSync(answer, { recursive: true });
  };
  const signer = createKeySigner();
  control.start(SOURCE, source);
  const agent = control.start(DESTINATION, destination, { stateFolder, signer });
  const planned = await control.plan();
  await agent.stop();
  control.start(DESTINATION, destination, { stateFolder, signer, log });
  expect(await control.apply(planned)).toMatchObject({ outcome: 'SUCCEEDED' });
  expect(failures).toHaveLength(1);
  expect(readFileSync(join(destination, 'a.ini'), 'utf8')).toBe('new');
});

it('starts without what a killed agent has left half written in its state folder', async () => {
  const folder = testFolder();
  const unfinished = (name: string) => `${name}.0a1b2c3d-0000-4000-8000-000000000000.tmp`;
  for (const name of ['state.json', 'stat-index', 'bandwidth']) writeFileSync(join(folder, unfinished(name)), 'half');
  await AgentState.open(folder);
  // Somebody may be setting the bandwidth just now.
  expect(readdirSync(folder)).toEqual([unfinished('bandwidth')]);
});
