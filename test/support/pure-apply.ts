import type { ManifestEntry } from '#core/manifest.ts';
import type { Operation } from '#core/plan.ts';

/** What a tree holds after the operations, without a disk. */
export function applyOperations(entries: readonly ManifestEntry[], operations: readonly Operation[]): ManifestEntry[] {
  const tree = new Map(entries.map((entry) => [entry.path as string, entry]));
  for (const operation of operations) {
    switch (operation.change) {
      case 'create':
      case 'update': {
        const { class: artifactClass, mode, mtime, path, sha256, size } = operation;
        tree.set(path, { kind: 'artifact', class: artifactClass, mode, mtime, path, sha256, size });
        break;
      }
      case 'remove':
      case 'remove-folder':
        tree.delete(operation.path);
        break;
      case 'create-folder':
        tree.set(operation.path, { kind: 'folder', path: operation.path });
        break;
    }
  }
  return [...tree.values()];
}
