import { database, PAGE_BYTES, updateDatabase } from './database.ts';
import { firmware, patchFirmware } from './firmware.ts';
import { license, programModule, SYNTAXES, settings } from './small-files.ts';
import type { PlannedFile } from './trees.ts';
import { numbersOf, stepLabel, type Turnover, timeOf } from './turnover.ts';
import { padNumber, SITES, WORDS } from './words.ts';

export interface ServerShape {
  readonly firmwareBytes: readonly number[];
  readonly databaseBytes: number;
  readonly modules: Turnover;
  readonly configs: Turnover;
}

/** A server's tree, so many releases after the first. */
export function* serverTree(shape: ServerShape, generation: number): Generator<PlannedFile> {
  const steps = Array.from({ length: generation }, (_, index) => index + 1);
  for (const [index, size] of shape.firmwareBytes.entries()) {
    const path = `Firmware/package-${padNumber(index + 8, 2)}.fpkg`;
    const patches = PATCHED_FIRMWARE.includes(index) ? steps : [];
    yield {
      path,
      time: timeOf(patches.at(-1) ?? 0),
      content: () =>
        patches.reduce((content, step) => patchFirmware(stepLabel(path, step), content), firmware(path, size)),
    };
  }
  yield {
    path: DATABASE,
    time: timeOf(generation),
    content: () =>
      steps.reduce(
        (content, step) => updateDatabase(stepLabel(DATABASE, step), content),
        database(DATABASE, shape.databaseBytes / PAGE_BYTES),
      ),
  };
  for (const { changedIn, number, time } of numbersOf('modules', shape.modules, generation)) {
    const path = `Modules/${WORDS[number % WORDS.length]}-${padNumber(number, 4)}.tmod`;
    yield { path, time, content: () => programModule(path, 1 + (changedIn.at(-1) ?? 0)) };
  }
  for (const { changedIn, number, time } of numbersOf('configs', shape.configs, generation)) {
    const syntax = SYNTAXES[number % SYNTAXES.length] ?? 'xml';
    const folder = `${SITES[number % SITES.length]}/${WORDS[Math.floor(number / SITES.length) % 8]}`;
    const path = `Config/${folder}/setting-${padNumber(number, 5)}.${syntax}`;
    const edits = changedIn.map((step) => stepLabel(`${path}|config-edit`, step));
    yield { path, time, content: () => settings(path, syntax, edits) };
  }
  for (let number = 1; number <= LICENSES; number++) {
    const path = `Licenses/server-${number}.lic`;
    yield { path, time: timeOf(0), content: () => license(path) };
  }
}

const PATCHED_FIRMWARE: readonly number[] = [0, 2];
const DATABASE = 'TermCap.db';
const LICENSES = 5;
