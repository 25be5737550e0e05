import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { consoleUrlSchema } from '#core/console-url.ts';
import { sha256 } from '#core/digest.ts';
import { BadInput } from '#core/errors.ts';

/** Where the store is, and what belongs to it on this machine but not into it. */
export interface StoreLocation {
  readonly url: string;
  /** No store, but a console that has one. */
  readonly isConsole: boolean;
  /** The store's folder, where it is one. */
  readonly folder: string | undefined;
  /** Keys, outbox and the agents' state of ad-hoc runs: beside the store, never inside. */
  readonly controlFolder: string;
}

/** `stateFolder` is this user's own; it holds the default store, and what belongs to stores far away. */
export function locateStore(url: string | undefined, stateFolder: string): StoreLocation {
  if (url === undefined) return locateFolder(join(stateFolder, 'store'));
  const far = (name: string) => ({ folder: undefined, controlFolder: join(stateFolder, `${name}.control`) });
  if (url.startsWith('s3://')) return { url, isConsole: false, ...far(`s3-${sha256(url).slice(0, 16)}`) };
  if (/^https?:/.test(url))
    return { url: consoleAt(url), isConsole: true, ...far(`console-${sha256(url).slice(0, 16)}`) };
  return locateFolder(folderOf(url));
}

function folderOf(url: string): string {
  if (/^file:\/\/[^/]/.test(url)) return resolve(url.slice('file://'.length));
  try {
    const { protocol, search, hash } = new URL(url);
    if (protocol === 'file:' && url !== 'file://' && search === '' && hash === '') return fileURLToPath(url);
  } catch (cause) {
    throw new BadInput(`${JSON.stringify(url)} is not a store: ${EXPECTED}`, { cause });
  }
  throw new BadInput(`${JSON.stringify(url)} is not a store: ${EXPECTED}`);
}

function consoleAt(url: string): string {
  if (consoleUrlSchema.safeParse(url).success) return new URL(url).origin;
  throw new BadInput(
    `${JSON.stringify(url)} is not a store, nor the address of a console: expected https://HOST without a path; http:// only on this machine`,
  );
}

function locateFolder(folder: string): StoreLocation {
  return {
    url: pathToFileURL(folder).href,
    isConsole: false,
    folder,
    controlFolder: `${folder.replace(/[\\/]+$/, '')}.control`,
  };
}

const EXPECTED =
  'expected file://FOLDER, s3://BUCKET/PREFIX or the https:// address of a console; in the name of a folder write %23 for # and %3F for ?';
