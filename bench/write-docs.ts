import { readFile } from 'node:fs/promises';
import { writeFileDurably } from '#adapters/durable-file.ts';

/** Lines of a Markdown file; what is between them is written by a program. */
export interface Marks {
  readonly begin: string;
  readonly end: string;
}

const BENCH: Marks = {
  begin: '<!-- Written by npm run bench -- --write-docs: change the bench, not this. -->',
  end: '<!-- End of what the bench wrote. -->',
};

/** Puts the text between the marks of a Markdown file, in the place of what stood there. */
export async function writeDocs(path: string, text: string, marks?: Marks): Promise<void> {
  await writeFileDurably(path, Buffer.from(replaceBetweenMarks(await readFile(path, 'utf8'), text, marks)));
}

export function replaceBetweenMarks(document: string, text: string, marks: Marks = BENCH): string {
  const [begin, end] = [document.indexOf(marks.begin), document.indexOf(marks.end)];
  if (begin === -1 || end < begin) throw new Error(`the document has no marks ${marks.begin} and ${marks.end}`);
  return `${document.slice(0, begin + marks.begin.length)}\n\n${text.trimEnd()}\n\n${document.slice(end)}`;
}
