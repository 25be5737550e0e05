import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/** Path -> content; a path that ends with a slash is an empty folder. */
export type Tree = Readonly<Record<string, string | Uint8Array>>;

export function writeTree(root: string, tree: Tree): void {
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(tree)) {
    const file = join(root, path);
    if (path.endsWith('/')) mkdirSync(file, { recursive: true });
    else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      utimesSync(file, 1_700_000_000, 1_700_000_000);
    }
  }
}

/**
 * Everything that a run could change: kind, mode, size, mtime and content of all below the root. What agents keep of
 * their last applies is no part of it.
 */
export function readTree(root: string): Record<string, string> {
  const tree = readAll(root);
  const own = Object.keys(tree).filter((path) => path.startsWith('.lockstep/'));
  const kept = own.filter((path) => path.startsWith('.lockstep/pre-images/'));
  for (const path of kept) delete tree[path];
  if (kept.length > 0 && kept.length === own.length - 1) delete tree['.lockstep/'];
  return tree;
}

function readAll(root: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const stat = lstatSync(path);
    const name = path.slice(root.length + 1).replaceAll(sep, '/');
    if (entry.isDirectory()) tree[`${name}/`] = stat.mode.toString(8);
    else if (entry.isSymbolicLink()) tree[name] = `-> ${readlinkSync(path)}`;
    else
      tree[name] =
        `${stat.mode.toString(8)} ${Math.trunc(stat.mtimeMs)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
  }
  return tree;
}
