import { readFile } from 'node:fs/promises';
import { writeFileDurably } from '#adapters/durable-file.ts';

const BEGIN = '<!-- Written by npm run bench -- --write-docs: change the bench, not this. -->';
const END = '<!-- End of what the bench wrote. -->';

/** Puts the text between the marks of a Markdown file, in the place of what stood there. */
export async function writeDocs(path: string, text: string): Promise<void> {
  await writeFileDurably(path, Buffer.from(replaceBetweenMarks(await readFile(path, 'utf8'), text)));
}

export function replaceBetweenMarks(document: string, text: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`the document has no marks ${BEGIN} and ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${text.trimEnd()}\n\n${document.slice(end)}`;
}
