import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** In words: how many files of the source stand byte for byte at the destination, and whose licenses are there. */
export function compareTrees(source: string, destination: string): string {
  const ours = filesBelow(source);
  const theirs = new Set(filesBelow(destination));
  const travels = ours.filter((path) => !path.endsWith('.lic'));
  const equal = travels.filter(
    (path) => theirs.has(path) && readFileSync(join(source, path)).equals(readFileSync(join(destination, path))),
  );
  const licenses = [...theirs].filter((path) => path.endsWith('.lic'));
  return `${equal.length} of ${travels.length} files equal the source's; license left alone: ${licenses.join(', ')}`;
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + sep.length));
}
