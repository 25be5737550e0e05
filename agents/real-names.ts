import { lstatSync, readdirSync } from 'node:fs';
import { foldsNames } from './facts.ts';

/**
 * Names as the disk has them. Windows folds case, and may keep a short name beside a long one (`LICENS~1.LIC`): there a
 * path can lead to an entry of another name, past every rule that goes by names.
 */
export class RealNames {
  readonly #root: string;
  readonly #hasAliases: boolean;
  /** By folder: name -> whether the listing calls it a link. */
  readonly #listings = new Map<string, ReadonlyMap<string, boolean>>();

  constructor(root: string) {
    this.#root = root;
    this.#hasAliases = process.platform === 'win32' || foldsNames(root) === true;
  }

  /** `path` itself where its last name is the real one; else the path that it leads to, if that can be found. */
  realPath(path: string): string | undefined {
    if (!this.#hasAliases) return path;
    const [folder, last] = split(path);
    const names = this.#list(folder);
    if (names.has(last)) return path;
    const real = [...names.keys()].find((name) => this.#isSame(path, folder + name));
    return real === undefined ? undefined : folder + real;
  }

  /** Windows has links of many kinds; a listing knows them all, and lstat only some. The scan goes by the listing. */
  isLink(path: string): boolean {
    if (!this.#hasAliases) return false;
    const [folder, last] = split(path);
    return this.#list(folder).get(last) === true;
  }

  #list(folder: string): ReadonlyMap<string, boolean> {
    const known = this.#listings.get(folder);
    if (known !== undefined) return known;
    const entries = readdirSync(`${this.#root}/${folder}`, { withFileTypes: true });
    const names = new Map(entries.map((entry) => [entry.name, entry.isSymbolicLink()]));
    this.#listings.set(folder, names);
    return names;
  }

  #isSame(one: string, other: string): boolean {
    const [a, b] = [this.#stat(one), this.#stat(other)];
    return a !== undefined && a.ino === b?.ino && a.dev === b.dev;
  }

  #stat(path: string) {
    return lstatSync(`${this.#root}/${path}`, { bigint: true, throwIfNoEntry: false });
  }
}

/** The folder, with a slash at its end or empty, and the last name. */
function split(path: string): readonly [string, string] {
  const start = path.lastIndexOf('/') + 1;
  return [path.slice(0, start), path.slice(start)];
}
