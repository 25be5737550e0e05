import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { serverIdSchema } from '#core/server.ts';
import type { SyncId, SyncMode } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { FakeFleet } from '#test/support/fake-fleet.ts';
import { Programs } from '#test/support/programs.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { noise } from '../agents/noise.ts';
import { testFolder } from '../agents/test-folder.ts';
import { contents } from './contents.ts';
import { openFolder, publishControlKey } from './meeting-store.ts';
import { WindowsServer } from './windows-server.ts';

const SOURCE = serverIdSchema.parse('plant-a/tm1');
const DESTINATION = serverIdSchema.parse('plant-b/tm1');

const OURS: Tree = {
  'Boot Files/kernel.bin': noise('kernel', 600_000),
  'Boot Files/initrd.bin': noise('initrd', 200_000),
  'Modules/Zeichensätze/größe.module': 'umlauts',
  'TermCap.db': noise('termcap', 300_000),
  'empty.cfg': '',
  'Logs/': '',
  'Licenses/ours.dat': 'never travels',
  'ours.lic': 'never travels',
};

/** A control plane, and a source of any kind with a destination on Windows. */
async function begin<Source>(
  enrolSource: (url: string) => Promise<Source>,
  theirs: Tree,
): Promise<{ source: Source; destination: WindowsServer; fleet: FakeFleet }> {
  const { store, url } = await openFolder();
  const fleet = new FakeFleet(store);
  await publishControlKey(store, fleet.signer);
  await fleet.start();
  onTestFinished(() => fleet.end());
  const [source, destination] = await Promise.all([enrolSource(url), WindowsServer.enrol(DESTINATION, theirs, url)]);
  destination.start();
  return { source, destination, fleet };
}

async function request(fleet: FakeFleet, mode: SyncMode): Promise<SyncId> {
  return fleet.request({
    source: SOURCE,
    destinations: [DESTINATION],
    policy: { mode, allowShrink: true, dryRun: false, approvals: 1, requesterMayApprove: false },
    timeouts: { offlineSeconds: 300, inventorySeconds: 300, applySeconds: 300, approvalSeconds: 300 },
  });
}

async function sync(fleet: FakeFleet, mode: SyncMode): Promise<SyncVerdict> {
  const id = await request(fleet, mode);
  await fleet.vote(id, 'APPROVED');
  return fleet.verdict(id);
}

const LICENSES: Tree = { 'Licenses/theirs.dat': 'theirs', 'theirs.lic': 'theirs' };

/** The source as it should be at the destination: with the licenses that were there. */
function expected(source: WindowsServer, licenses: Tree): Record<string, string> {
  const travels = Object.entries(contents(source.root)).filter(([path]) => !/licenses|\.lic$/i.test(path));
  const own = Object.entries(licenses).map(([path, content]) => [path, sha256(content)]);
  return Object.fromEntries([...travels, ...own]);
}

describe('a sync between two Windows servers', () => {
  it('fills an empty one, brings what has changed, mirrors what has gone, and then finds nothing to do', async () => {
    const enrolSource = async (url: string) => {
      const enrolled = await WindowsServer.enrol(SOURCE, OURS, url);
      enrolled.start();
      return enrolled;
    };
    const { destination, fleet, source } = await begin(enrolSource, LICENSES);
    expect(await sync(fleet, 'overwrite')).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(contents(destination.root)).toEqual(expected(source, LICENSES));

    const next = Buffer.from(noise('kernel', 600_000));
    next.set(noise('patch', 1000), 300_000);
    writeTree(source.root, { 'Boot Files/kernel.bin': next, 'Modules/new.module': 'new' });
    const delta = await sync(fleet, 'overwrite');
    expect(delta).toMatchObject({ verdict: 'SUCCEEDED', destinations: [{ changes: { create: 1, update: 1 } }] });
    expect(delta.destinations[0]?.bytesFetched).toBeLessThan(50_000);
    expect(contents(destination.root)).toEqual(expected(source, LICENSES));

    rmSync(join(source.root, 'Modules'), { recursive: true });
    writeTree(destination.root, { 'only/here/a.cfg': 'theirs alone' });
    expect(await sync(fleet, 'mirror')).toMatchObject({
      verdict: 'SUCCEEDED',
      destinations: [{ changes: { remove: 3 } }],
    });
    expect(contents(destination.root)).toEqual(expected(source, LICENSES));

    expect(await sync(fleet, 'mirror')).toMatchObject({ verdict: 'IN_SYNC' });
  });
});

describe('a plan for a Windows server', () => {
  it.each([
    ['two names that differ only by case', { 'a.cfg': '1', 'A.CFG': '2' }, /"a\.cfg".* one name at the destination/i],
    ['another spelling of a name that is there', { 'THEIRS.cfg': '1' }, /"theirs\.cfg".* one name at the destination/i],
    ['a name that Windows cannot store', { 'what?.cfg': '1' }, /"what\?\.cfg" cannot be stored on Windows/],
  ])('is refused for %s, and nothing is written', async (_, ours, problem) => {
    const { destination, fleet } = await begin((url) => enrolOnLinux(ours, url), { 'theirs.cfg': 'theirs' });
    const before = readTree(destination.root);
    const refused = { verdict: 'REFUSED', reason: 'GUARD', detail: expect.stringMatching(problem) };
    const id = await request(fleet, 'overwrite');
    expect(await fleet.verdict(id)).toMatchObject({ destinations: [refused] });
    expect(readTree(destination.root)).toEqual(before);
  });
});

it('names that Windows takes for something else are left out at the source, and the rest is brought', async () => {
  const ours = { 'a.cfg': 'a', 'aux.txt': '1', 'b:c.cfg': '2', 'trail.': '3', 'trail ': '4', 'sub./x.cfg': '5' };
  const { destination, fleet } = await begin((url) => enrolOnLinux(ours, url), LICENSES);
  expect(await sync(fleet, 'overwrite')).toMatchObject({ verdict: 'SUCCEEDED' });
  expect(Object.keys(contents(destination.root)).sort()).toEqual([...Object.keys(LICENSES), 'a.cfg'].sort());
});

/** The same agent, from its sources, on this machine. */
async function enrolOnLinux(tree: Tree, windowsUrl: string): Promise<void> {
  const [root, state] = [join(testFolder(), 'root'), join(testFolder(), 'state')];
  writeTree(root, tree);
  const programs = new Programs({});
  onTestFinished(() => programs.stop());
  const args = ['--store', windowsUrl.replace('/Z:', ''), '--server', SOURCE, '--root', root, '--state', state];
  const { code, stderr } = await programs.run('lockstep-agent', ['enroll', ...args]);
  if (code !== 0) throw new Error(`the enrolment ended with ${code}: ${stderr}`);
  programs.start('lockstep-agent', ['run', '--state', state, '--poll', '0.1'], { stdio: 'ignore' });
}
