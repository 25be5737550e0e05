import { closeSync, constants, existsSync, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { hasCode } from '#adapters/file-errors.ts';
import { foldPath } from '#core/path-rules.ts';
import { findEntry } from './find-entry.ts';

/**
 * Reaches entries below a root through no link, whatever somebody else puts there meanwhile. On Linux the folder of an
 * entry is opened, seen to be where its path says, and addressed by its descriptor: a link that takes the folder's
 * place leads nobody astray any more. Elsewhere every folder above is looked at just before the entry is used.
 */
export class HeldFolders implements Disposable {
  readonly #root: string;
  readonly #descriptors = new Map<string, number>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Hands names of these absolute paths to `action`, good until it returns. Throws when a folder above one of them is
   * a link by now, and what the system says when it is not there.
   */
  use<T>(paths: readonly string[], action: (...names: string[]) => T): T {
    // Not in between: a name must stay good while the next is made.
    if (this.#descriptors.size + paths.length > MOST_HELD) this[Symbol.dispose]();
    const names = paths.map((path) => this.#nameOf(path));
    try {
      return action(...names);
    } catch (error) {
      // People know nothing of descriptors.
      if (error instanceof Error) {
        for (const [index, name] of names.entries())
          error.message = error.message.replaceAll(name, paths[index] ?? name);
      }
      throw error;
    }
  }

  /** What is at the path itself; `undefined` when nothing is, or no folder above it. */
  find(path: string): Stats | undefined {
    try {
      return this.use([path], findEntry);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }

  #nameOf(path: string): string {
    const slash = path.lastIndexOf('/');
    const folder = path.slice(0, slash);
    if (!HAS_NAMES_OF_DESCRIPTORS) {
      this.#assertNoLinkAbove(path);
      return path;
    }
    return `${nameOfDescriptor(this.#hold(folder))}${path.slice(slash)}`;
  }

  #hold(folder: string): number {
    const known = this.#descriptors.get(folder);
    if (known !== undefined) {
      if (isAt(known, folder)) return known;
      this.#descriptors.delete(folder);
      closeSync(known);
    }
    const descriptor = openFolder(folder);
    this.#descriptors.set(folder, descriptor);
    if (!isAt(descriptor, folder)) throw linkInTheWay(folder);
    return descriptor;
  }

  #assertNoLinkAbove(path: string): void {
    for (let slash = path.indexOf('/', this.#root.length + 1); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const folder = path.slice(0, slash);
      if (lstatSync(folder).isSymbolicLink()) throw linkInTheWay(folder);
    }
  }
}

function openFolder(folder: string): number {
  try {
    return openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOTDIR', 'ELOOP') && findEntry(folder)?.isSymbolicLink() === true) throw linkInTheWay(folder);
    throw error;
  }
}

/** The kernel knows where an open folder is now; where names are folded, by any spelling. */
function isAt(descriptor: number, folder: string): boolean {
  const place = readlinkSync(nameOfDescriptor(descriptor));
  return place === folder || foldPath(place) === foldPath(folder);
}

function nameOfDescriptor(descriptor: number): string {
  return `${DESCRIPTORS}/${descriptor}`;
}

function linkInTheWay(folder: string): Error {
  return new Error(
    `${folder} is, or lies behind, a link that was put there meanwhile; nothing is written through links`,
  );
}

const DESCRIPTORS = '/proc/self/fd';
const HAS_NAMES_OF_DESCRIPTORS = process.platform === 'linux' && existsSync(DESCRIPTORS);
/** Of them an apply needs few at a time: its operations come sorted by folder. */
const MOST_HELD = 16;
