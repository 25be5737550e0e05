import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFleet } from '#bench/fleet/make-fleet.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

/** Of the trees as they were first defined: results of different years can be compared as long as these stand. */
const TREES = [
  ['base', 126, 'de022e149acd9f5ece4cd8c510d2fad36e75bf568596d30e032a4f63d7c2eb3f'],
  ['next', 126, '4cf66b181c74f1515b2285798c3133de479aaa97c9ba74388a7acb3f6753eb0d'],
  ['many', 5000, 'b02f70a10ccf6e3b855f1314a72105f1922008eeb4922c11185ab71404734647'],
  ['many-next', 5000, '1196233a6ad6f1bdec7d4dac660e94fa66c1c801b0ab4361af14d98a7e729da3'],
] as const;

describe('the trees of the bench', () => {
  it.each(TREES)('%s is the same on every machine', async (release, files, treeSha256) => {
    const folder = join(await temporaryFolder(), release);
    expect(makeFleet(folder, 'small', release)).toMatchObject({ files, treeSha256 });
  });

  it('a release leaves the time of an unchanged file alone', async () => {
    const folder = await temporaryFolder();
    for (const release of ['base', 'next'] as const) makeFleet(join(folder, release), 'small', release);
    const timeOf = (path: string) => statSync(join(folder, path)).mtimeMs;
    expect(timeOf('next/Firmware/package-09.fpkg')).toBe(timeOf('base/Firmware/package-09.fpkg'));
    expect(timeOf('next/Firmware/package-08.fpkg')).toBeGreaterThan(timeOf('base/Firmware/package-08.fpkg'));
    expect(existsSync(join(folder, 'next/Licenses/server-1.lic'))).toBe(true);
  });
});
