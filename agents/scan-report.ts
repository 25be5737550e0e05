import prettyBytes from 'pretty-bytes';
import type { LeftOut, Manifest } from '#core/manifest.ts';

export interface ScanReport {
  readonly classes: Readonly<
    Record<string, { readonly files: number; readonly bytes: number; readonly isProtected: boolean }>
  >;
  readonly emptyFolders: number;
  readonly leftOut: readonly LeftOut[];
}

export function summariseScan(manifest: Manifest): ScanReport {
  const classes: Record<string, { files: number; bytes: number; isProtected: boolean }> = {};
  const leftOut: LeftOut[] = [];
  for (const entry of manifest.entries) {
    if (entry.kind === 'artifact' || entry.kind === 'protected') {
      const counts = classes[entry.class] ?? { files: 0, bytes: 0, isProtected: entry.kind === 'protected' };
      classes[entry.class] = { ...counts, files: counts.files + 1, bytes: counts.bytes + entry.size };
    } else if (entry.kind !== 'folder') {
      leftOut.push(entry);
    }
  }
  return { classes, emptyFolders: manifest.summary.folders, leftOut };
}

/** A table for people; the names in it are quoted, for a name may hold anything. */
export function showScan({ classes, emptyFolders, leftOut }: ScanReport): string {
  const rows = Object.entries(classes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { bytes, files, isProtected }]) => [
      name,
      String(files),
      prettyBytes(bytes),
      isProtected ? 'never copied' : '',
    ]);
  const total = Object.values(classes).filter(({ isProtected }) => !isProtected);
  const sum = (field: 'files' | 'bytes') => total.reduce((all, one) => all + one[field], 0);
  const lines = columns([
    ['class', 'files', 'bytes', ''],
    ...rows,
    [
      'travels',
      String(sum('files')),
      prettyBytes(sum('bytes')),
      emptyFolders === 0 ? '' : `and ${emptyFolders} empty folders`,
    ],
  ]);
  if (leftOut.length === 0) return `${lines.join('\n')}\n`;
  const shown = leftOut
    .slice(0, SHOWN)
    .map(({ kind, path, reason }) => `  ${kind}: ${JSON.stringify(path)}${reason === undefined ? '' : ` (${reason})`}`);
  const more = leftOut.length > SHOWN ? [`  and ${leftOut.length - SHOWN} more; --json names them all`] : [];
  return `${[...lines, '', `left out: ${leftOut.length}`, ...shown, ...more].join('\n')}\n`;
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [first, second, third] = [width(0), width(1), width(2)];
  return rows.map(([name = '', files = '', bytes = '', note = '']) =>
    `${name.padEnd(first)}  ${files.padStart(second)}  ${bytes.padStart(third)}  ${note}`.trimEnd(),
  );
}

const SHOWN = 20;
