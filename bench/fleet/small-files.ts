import { Dice, Noise } from './randomness.ts';
import { WORDS } from './words.ts';

/** A module is like a program: code that does not compress and tables that repeat, by turns. */
export function programModule(path: string, revision: number): Buffer {
  const dice = new Dice(`${path}|module|${revision}`);
  const content = new Noise(`${path}|module-noise|${revision}`).take(dice.between(50_000, 500_000));
  for (let offset = 0; offset < content.length; offset += 2 * TABLE_BYTES) {
    const table = `${dice.oneOf(WORDS)}_${dice.oneOf(WORDS)}@${dice.between(0, 9999)}\0`;
    content.fill(table, offset, Math.min(offset + TABLE_BYTES, content.length), 'latin1');
  }
  return content;
}

const TABLE_BYTES = 4096;

export const SYNTAXES = ['xml', 'ini', 'json'] as const;

export type Syntax = (typeof SYNTAXES)[number];

/** Settings, 1 to 20 KB. An edit, by its label, replaces one line and inserts another. */
export function settings(path: string, syntax: Syntax, edits: readonly string[]): Buffer {
  const { first, last, line } = FORMS[syntax];
  const lines = settingLines(path, syntax);
  for (const edit of edits) {
    const dice = new Dice(edit);
    const replaced = dice.between(0, lines.length - 1);
    lines[replaced] = settingLine(dice, line, replaced);
    const inserted = dice.between(0, lines.length);
    lines.splice(inserted, 0, settingLine(dice, line, lines.length));
  }
  return Buffer.from(first + lines.join('') + last, 'latin1');
}

function settingLines(path: string, syntax: Syntax): string[] {
  const { first, last, line } = FORMS[syntax];
  const dice = new Dice(`${path}|config`);
  const wanted = dice.between(1000, 20_000);
  const lines: string[] = [];
  for (let bytes = first.length + last.length; bytes < wanted; ) {
    const text = settingLine(dice, line, lines.length);
    lines.push(text);
    bytes += text.length;
  }
  return lines;
}

type LineForm = (name: string, value: string) => string;

function settingLine(dice: Dice, form: LineForm, number: number): string {
  const name = `${dice.oneOf(WORDS)}.${dice.oneOf(WORDS)}.${number}`;
  return form(name, `${dice.oneOf(WORDS)}-${dice.between(0, 65_535)}`);
}

const FORMS: Readonly<Record<Syntax, { readonly first: string; readonly line: LineForm; readonly last: string }>> = {
  xml: {
    first: '<?xml version="1.0" encoding="utf-8"?>\n<Configuration>\n',
    line: (name, value) => `  <Setting name="${name}" value="${value}" />\n`,
    last: '</Configuration>\n',
  },
  ini: {
    first: '[General]\n',
    line: (name, value) => `${name}=${value}\n`,
    last: '; end of file\n',
  },
  json: {
    first: '{\n',
    line: (name, value) => `  "${name}": "${value}",\n`,
    last: '  "complete": true\n}\n',
  },
};

export function license(path: string): Buffer {
  const signature = new Noise(`${path}|licence`).take(768).toString('base64').replace(/.{64}/g, '$&\n');
  return Buffer.from(`LICENSE ${path}\nTYPE XLr FULL\nSIGNATURE\n${signature}\nEND\n`, 'latin1');
}

/** About 4 KB: a line that names the file, then a window of the pool. */
export function note(path: string, pool: Buffer, isEdited: boolean): Buffer {
  const dice = new Dice(isEdited ? `${path}|many-edit` : `${path}|many`);
  const length = dice.between(3000, 5000);
  const start = dice.between(0, pool.length - length);
  const title = Buffer.from(`# ${path} ${dice.roll().toString(16)}\n`, 'latin1');
  return Buffer.concat([title, pool.subarray(start, start + length)]);
}
