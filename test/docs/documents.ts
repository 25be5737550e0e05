import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const REPOSITORY = resolve(import.meta.dirname, '../..');

export interface Page {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

/** What people read. */
export const PAGES: readonly Page[] = ['*.md', 'docs/**/*.md']
  .flatMap((pattern) => globSync(pattern, { cwd: REPOSITORY }))
  .map((path) => path.replaceAll('\\', '/'))
  .toSorted()
  .map((path) => ({ path, text: read(path) }));

export function read(path: string): string {
  return readFileSync(join(REPOSITORY, path), 'utf8');
}

/** Lines of commands and files, without what is said around them. */
export function codeBlocks({ text }: Page): string[] {
  return [...text.matchAll(/^ *```[a-z]*\n([\s\S]*?)^ *```/gm)].map(([, block = '']) => block.replaceAll('\\\n', ' '));
}

/** What stands between backticks in a sentence or a table. */
export function codeSpans({ text }: Page): string[] {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
}

/** As GitHub makes it of a heading. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/^#+ +(.+?) *$/gm)];
  return new Set(
    headings.map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
