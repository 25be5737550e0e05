import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidDocument } from '#core/errors.ts';
import {
  createManifest,
  isArtifact,
  type ManifestEntry,
  manifestLines,
  parseManifestLine,
  stateLine,
} from '#core/manifest.ts';
import { PlainLines } from '#core/plain-lines.ts';
import { digest, PROFILE_DIGEST } from './samples.ts';

const BEFORE = 'A';

function lineOf(fields: object): string {
  const entry = {
    kind: 'artifact',
    class: 'configuration',
    mode: 0o644,
    mtime: 1_070_000_000_000,
    path: 'some/path of-a/file_1.cfg',
    sha256: digest('content'),
    size: 1234,
    ...fields,
  } as ManifestEntry;
  return [...manifestLines(PROFILE_DIGEST, [entry])].at(-1) ?? '';
}

/** What is read of one line, and what it counts towards the state. */
function read(line: string, last = BEFORE) {
  let states = '';
  const plain = new PlainLines((lines) => {
    states += Buffer.from(lines).toString();
  });
  const block = Buffer.from(`${line}\n`);
  const { lastPath, length } = plain.read(block, { start: 0, end: block.length, last });
  plain.flush();
  return { isRead: length === block.length, lastPath, states, plain };
}

function parsed(line: string): ManifestEntry | undefined {
  try {
    return parseManifestLine('line', line);
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

/** Whatever is read as bytes, the parser takes for the same artifact. */
function expectAgreement(line: string): void {
  const { isRead, lastPath, plain, states } = read(line);
  if (!isRead) return;
  const entry = parsed(line);
  if (entry === undefined || !isArtifact(entry)) throw new Error(`read as bytes, but not valid: ${line}`);
  expect(lastPath).toBe(entry.path);
  expect(entry.path > BEFORE).toBe(true);
  expect(plain.bytes).toBe(entry.size);
  expect(plain.linesByClass()).toEqual([[entry.class, 1]]);
  expect(states).toBe(`${stateLine(entry)}\n`);
}

describe('a line that is read as bytes', () => {
  test.each([
    {},
    { mode: null },
    { mode: 0 },
    { mtime: 0 },
    { mtime: -1 },
    { size: 0 },
    { class: 'a' },
    { path: 'Configuration/common/auxiliary/nullable/computer/lpta' },
    { path: 'B' },
  ])('is any plain one: %j', (fields) => {
    expect(read(lineOf(fields)).isRead).toBe(true);
    expectAgreement(lineOf(fields));
  });

  test('is none that the parser refuses, or takes for something else, whatever byte of it is another', () => {
    const line = lineOf({});
    for (let at = 0; at < line.length; at++) {
      for (let code = 0x20; code < 0x7f; code++) {
        expectAgreement(line.slice(0, at) + String.fromCharCode(code) + line.slice(at + 1));
      }
    }
  });

  test.each(['a', 'ab', 'abc', 'configuration'])('is looked at as strictly behind one of its own class, %s', (name) => {
    const [first, line] = [lineOf({ class: name, path: 'a' }), lineOf({ class: name, path: 'b' })];
    const readBehindFirst = (text: string) => {
      const block = Buffer.from(`${first}\n${text}\n`);
      const plain = new PlainLines(() => undefined);
      return plain.read(block, { start: 0, end: block.length, last: BEFORE }).lines === 2;
    };
    expect(readBehindFirst(line)).toBe(true);
    for (let at = 0; at < line.length; at++) {
      const other = `${line.slice(0, at)}${line[at] === '~' ? '}' : '~'}${line.slice(at + 1)}`;
      expect({ other, isRead: readBehindFirst(other) }).toEqual({ other, isRead: false });
      expect(readBehindFirst(line.slice(0, at))).toBe(false);
    }
  });

  test('is none with a byte too many or too few that the parser refuses', () => {
    const line = lineOf({});
    for (let at = 0; at < line.length; at++) {
      expectAgreement(line.slice(0, at) + line.slice(at + 1));
      expectAgreement(line.slice(0, at) + line.slice(at, at + 1) + line.slice(at));
    }
    expectAgreement(lineOf({ mtime: 0 }).replace('"mtime":0', '"mtime":-0'));
  });

  test('is none whose path breaks a rule', () => {
    const names = fc.constantFrom(
      ...[
        'a',
        'con',
        'CON.txt',
        'con x',
        'com1',
        'Lpt9.a',
        'nul ',
        'aux.',
        'x.',
        'y ',
        '.',
        '..',
        '',
        '.lockstep',
        'ö',
        'b+c',
      ],
    );
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 4 }), (path) => {
        expectAgreement(lineOf({ path: path.join('/') }));
      }),
      { numRuns: 1000 },
    );
    expectAgreement(lineOf({ path: 'x'.repeat(300) }));
  });

  test.each(['license', 'identity', 'unrecognised', 'Firmware', '1a', 'a'.repeat(41)])('is not of class %s', (name) => {
    expect(read(lineOf({ class: name })).isRead).toBe(false);
  });

  test('comes after the one before, and looks at what follows the part of the path that both have', () => {
    const line = lineOf({ path: 'conf/x' });
    expect(read(line, 'conf/w').isRead).toBe(true);
    expect(read(line, 'conf/x').isRead).toBe(false);
    expect(read(line, 'conf/x1').isRead).toBe(false);
    expect(read(line, 'conf/y').isRead).toBe(false);
    expect(read(lineOf({ path: 'con/x' }), 'con/w').isRead).toBe(false);
    expect(read(line, 'ab').isRead).toBe(true);
    expect(read(line, 'äb').isRead).toBe(false);
  });

  test('is not read behind one that is not', () => {
    const { entries } = createManifest(PROFILE_DIGEST, [
      JSON.parse(lineOf({ path: 'b' })),
      { kind: 'link', path: 'c' },
      JSON.parse(lineOf({ path: 'd' })),
    ]);
    const [, first = '', ...rest] = [...manifestLines(PROFILE_DIGEST, entries)];
    const block = Buffer.from(`${[first, ...rest].join('\n')}\n`);
    const plain = new PlainLines(() => undefined);
    const { lastPath, length, lines } = plain.read(block, { start: 0, end: block.length, last: BEFORE });
    expect({ lastPath, length, lines }).toEqual({ lastPath: 'b', length: first.length + 1, lines: 1 });
  });
});
