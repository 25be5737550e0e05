import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { BadInput } from '#core/errors.ts';
import type { AgentLog } from './agent.ts';

/** Bytes per second, to and from the store together; `undefined`: no limit. */
export type Rate = number | undefined;

/** `2MB/s`, `500kB/s`, `1.5MiB/s`, `10Mbit/s`, `unlimited`. Throws BadInput that names `where` it was written. */
export function parseRate(text: string, where: string): Rate {
  if (text === UNLIMITED) return undefined;
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)\/s$/.exec(text) ?? [];
  const rate = Math.floor(Number(amount) * (UNITS.get(unit) ?? Number.NaN));
  if (rate >= LEAST && rate <= Number.MAX_SAFE_INTEGER) return rate;
  const units = [...UNITS.keys()].map((name) => `${name}/s`).join(', ');
  throw new BadInput(
    `${where}: ${JSON.stringify(text)} is not a rate; expected 2MB/s, 500kB/s, 10Mbit/s or ${UNLIMITED} (units: ${units}), and at least 1kB/s`,
  );
}

/** Counts at once for an agent that runs with this state folder, and for those to come. */
export async function writeBandwidth(stateFolder: string, text: string): Promise<void> {
  const path = bandwidthPath(stateFolder);
  if (parseRate(text, 'bandwidth') === undefined) await rm(path, { force: true });
  else await writeFileDurably(path, Buffer.from(`${text}\n`), { mode: 0o600 });
}

/** As it was written. */
export async function readBandwidth(stateFolder: string): Promise<string> {
  const path = bandwidthPath(stateFolder);
  try {
    const text = (await readFile(path, 'utf8')).trim();
    parseRate(text, path);
    return text;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return UNLIMITED;
    throw error;
  }
}

/**
 * The limit as the file in the state folder says it, looked at again at most once a second. One that cannot be read
 * changes nothing: a typing error must not open the link.
 */
export function followBandwidth(stateFolder: string, log: AgentLog): () => Rate {
  const path = bandwidthPath(stateFolder);
  let rate: Rate;
  let seen: string | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - lookedAt < LOOK_MILLISECONDS) return rate;
    lookedAt = now;
    try {
      const text = readText(path);
      if (text === seen) return rate;
      seen = text;
      rate = text === undefined ? undefined : parseRate(text, path);
      log('bandwidth', { bytesPerSecond: rate ?? UNLIMITED });
    } catch (error) {
      log('bandwidth-not-read', { problem: (error as Error).message, bytesPerSecond: rate ?? UNLIMITED });
    }
    return rate;
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function bandwidthPath(stateFolder: string): string {
  return join(stateFolder, 'bandwidth');
}

const UNLIMITED = 'unlimited';
const UNITS: ReadonlyMap<string, number> = new Map([
  ['kB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
  ['kbit', 1e3 / 8],
  ['Mbit', 1e6 / 8],
  ['Gbit', 1e9 / 8],
]);
/** Slower than that no order is ever answered in time. */
const LEAST = 1000;
const LOOK_MILLISECONDS = 1000;
