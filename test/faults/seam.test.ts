import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { PlacedFault } from './fault.ts';
import { beginRun, endRun, spanSeam } from './seam.ts';
import { World } from './world.ts';

const world = new World(fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'lockstep-seam-'))));
const file = join(world.root, 'a');

beforeAll(() => {
  fs.mkdirSync(world.root, { recursive: true });
  fs.writeFileSync(file, 'content');
  spanSeam(world.server);
});

afterEach(() => {
  endRun();
  world.forgetCalls();
});

afterAll(() => fs.rmSync(world.folder, { recursive: true, force: true }));

function names(): string[] {
  return world.calls.map(({ name, path }) => `${name} ${path}`);
}

it('counts what goes to its folder by path, by handle, by descriptor and through an open folder, and nothing else', async () => {
  beginRun('count');
  fs.readdirSync(tmpdir());
  fs.lstatSync(file);
  fs.renameSync(join(world.root, 'a'), join(world.folder, 'b'));
  fs.renameSync(join(world.folder, 'b'), join(world.root, 'a'));
  {
    await using handle = await open(file, 'r+');
    await handle.sync();
  }
  const descriptor = fs.openSync(world.root, 'r');
  fs.fstatSync(descriptor);
  fs.lstatSync(`/proc/self/fd/${descriptor}/a`);
  fs.closeSync(descriptor);
  expect(endRun()).toBe(10);
  expect(names()).toEqual([
    ...['lstatSync root/a', 'renameSync root/a', 'renameSync root/a'],
    ...['open root/a', 'handle.sync root/a', 'handle.close root/a'],
    ...['openSync root', 'fstatSync root', 'lstatSync root/a', 'closeSync root'],
  ]);
});

it('lets the one call fail that it is told, before it has any effect', () => {
  beginRun({ fault: 'ENOSPC', call: 2 });
  fs.lstatSync(file);
  expect(() => fs.unlinkSync(file)).toThrow(expect.objectContaining({ code: 'ENOSPC', syscall: 'unlink' }));
  fs.lstatSync(file);
  expect(world.hit).toMatchObject({ number: 2, name: 'unlinkSync', path: 'root/a' });
});

it('closes what fails to be closed', async () => {
  beginRun({ fault: 'EIO', call: 2 });
  const handle = await open(file);
  const { fd } = handle;
  await expect(handle.close()).rejects.toThrow('EIO');
  expect(() => fs.fstatSync(fd)).toThrow('EBADF');
});

it('lets a call fail for good', () => {
  const fault: PlacedFault = { fault: 'EPERM for good', call: 1 };
  beginRun(fault);
  for (let attempt = 0; attempt < 3; attempt++) expect(() => fs.lstatSync(file)).toThrow('EPERM');
  fs.lstatSync(world.root);
});

it('refuses what it does not count', () => {
  beginRun('count');
  expect(() => fs.createReadStream(file)).toThrow('does not count createReadStream');
});
