import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { resolveParties } from '#cli/parties.ts';
import { stateFolderOf } from '#cli/state-folder.ts';
import { locateStore } from '#cli/store-location.ts';
import { fleetSchema } from '#core/fleet.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const FLEET = fleetSchema.parse({ fleet: 'plant', sites: { west: { servers: ['primary', 'backup'] } } });

test('takes a folder that exists for the folder, and says so when a server has its name', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'west', 'primary'), { recursive: true });
  await mkdir(join(folder, 'copy'));
  const workingFolder = vi.spyOn(process, 'cwd').mockReturnValue(folder);
  onTestFinished(() => workingFolder.mockRestore());
  const parties = await resolve('west/primary', 'copy');
  expect(parties).toMatchObject({ kind: 'folders', source: { path: join(folder, 'west', 'primary') } });
  expect(parties).toHaveProperty('remarks', [expect.stringContaining('is taken as the folder')]);
});

test('a path with a dot in front is a folder, whatever the fleet says', async () => {
  await expect(resolve('./west/primary', 'west/backup')).rejects.toThrow('there is no folder');
});

test('does not ask for the fleet when no argument could be a server', async () => {
  const folder = await temporaryFolder();
  const readFleet = vi.fn(async () => FLEET);
  await resolveParties({ source: folder, destinations: [folder], storeUrl: 'file:///store', readFleet });
  expect(readFleet).not.toHaveBeenCalled();
});

test('an id of the fleet is a server', async () => {
  expect(await resolve('west/primary', 'west/backup')).toEqual({
    kind: 'servers',
    source: 'west/primary',
    destinations: ['west/backup'],
    fleet: FLEET,
  });
});

test('keeps what belongs to a store beside it, and never inside', () => {
  const state = '/home/operator/.local/state/lockstep';
  for (const [url, controlFolder] of [
    [undefined, `${state}/store.control`],
    ['file:///srv/store', '/srv/store.control'],
    ['file:///srv/store/', '/srv/store.control'],
    ['file:///srv/a%20%23%20b', '/srv/a # b.control'],
  ] as const) {
    const location = locateStore(url, state);
    expect(location.controlFolder).toBe(controlFolder);
    expect(relative(location.folder ?? '', controlFolder)).toMatch(/^\.\.\//);
  }
  expect(locateStore('s3://bucket/prefix', state).controlFolder).toMatch(/lockstep\/s3-[0-9a-f]{16}\.control$/);
});

test.each([
  ['https://lockstep.example.org', 'https://lockstep.example.org'],
  ['https://lockstep.example.org:8443/', 'https://lockstep.example.org:8443'],
  ['http://127.0.0.1:4780', 'http://127.0.0.1:4780'],
])('takes %j for a console', (given, url) => {
  expect(locateStore(given, '/state')).toMatchObject({ url, isConsole: true, folder: undefined });
});

test.each([
  'http://lockstep.example.org',
  'https://ann:secret@lockstep.example.org',
  'https://lockstep.example.org/?token=x',
])('asks no console at %j', (given) => {
  expect(() => locateStore(given, '/state')).toThrow('nor the address of a console');
});

test.each(['', 'store', '/srv/store', 'http://host/store', 'file://', 'file:///srv/a?b', 'file:///srv/a#b'])(
  'does not take %j for a store',
  (url) => {
    expect(() => locateStore(url, '/state')).toThrow('is not a store');
  },
);

test('finds the state folder where each system keeps it', () => {
  const home = '/home/operator';
  const of = (platform: NodeJS.Platform, environment: Record<string, string>) =>
    stateFolderOf({ platform, home, environment });
  expect(of('linux', {})).toBe('/home/operator/.local/state/lockstep');
  expect(of('linux', { XDG_STATE_HOME: '/var/state' })).toBe('/var/state/lockstep');
  expect(of('linux', { XDG_STATE_HOME: 'relative' })).toBe('/home/operator/.local/state/lockstep');
  expect(of('win32', { LOCALAPPDATA: '/c/local' })).toBe('/c/local/lockstep');
});

function resolve(source: string, ...destinations: string[]) {
  return resolveParties({ source, destinations, storeUrl: 'file:///store', readFleet: async () => FLEET });
}
