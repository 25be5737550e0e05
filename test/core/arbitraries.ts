import fc from 'fast-check';

const NAMES = [
  'a',
  'b',
  'c',
  'x y',
  'Größe',
  '.hidden',
  'firmware',
  'licenses',
  'p.cfg',
  'q.cfg',
  'r.lic',
  's.log',
  't.bin',
];

const pathArbitrary = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));

/** Files by path, and empty folders (path with a slash at its end), as one real tree could hold them. */
export const treeArbitrary: fc.Arbitrary<Record<string, string>> = fc
  .array(fc.tuple(pathArbitrary, fc.constantFrom('1', '2', '33', '44'), fc.integer({ min: 0, max: 9 })), {
    maxLength: 14,
  })
  .map((found) => {
    const files = new Map<string, string>();
    const folders = new Set<string>();
    for (const [path, content, die] of found) {
      const name = die === 0 ? `${path}/` : path;
      if (!isFree(name, files, folders)) continue;
      files.set(name, content);
      for (const folder of foldersAbove(name)) {
        folders.add(folder);
        files.delete(`${folder}/`);
      }
    }
    return Object.fromEntries(files);
  });

function isFree(name: string, files: ReadonlyMap<string, string>, folders: ReadonlySet<string>): boolean {
  const bare = name.replace(/\/$/, '');
  const taken = folders.has(bare) || files.has(bare) || files.has(`${bare}/`);
  return !taken && foldersAbove(name).every((folder) => !files.has(folder));
}

/** `a/b/c` -> `a`, `a/b`. */
export function foldersAbove(path: string): string[] {
  const names = path.replace(/\/$/, '').split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}
