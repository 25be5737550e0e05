import { posix, win32 } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PathRefused } from '#core/errors.ts';
import { brokenPathRule, foldPath, isStorableOnWindows, parseRelativePath } from '#core/path-rules.ts';

const NASTY = [
  '..',
  '.',
  '',
  ' ',
  '...',
  '.. ',
  '..\\',
  'C:',
  'c:\\x',
  'a:b',
  'a::$DATA',
  '\\\\host\\share',
  '\\\\?\\C:\\x',
  '\\\\.\\PhysicalDrive0',
  'NUL',
  'con.txt',
  'Com1 .log',
  'LPT¹',
  'conin$',
  'trail.',
  'trail ',
  'a\0b',
  'a\nb',
  '\u0085',
  '\ud800',
  '~',
  '$HOME',
  '%PATH%',
  '．．',
  'Größe',
  'a',
];

const pathArbitrary = fc.oneof(
  fc.array(fc.constantFrom(...NASTY), { minLength: 1, maxLength: 5 }).map((names) => names.join('/')),
  fc
    .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 4 })
    .map((names) => names.join('/')),
  fc.string({ unit: 'binary', maxLength: 30 }),
);

describe('a path that the rules accept', () => {
  test('stays below the root on Linux and names the same file there', () => {
    fc.assert(
      fc.property(pathArbitrary, (path) => {
        fc.pre(brokenPathRule(path) === undefined);
        expect(posix.resolve('/srv/root', path)).toBe(`/srv/root/${path}`);
      }),
      { numRuns: 2000 },
    );
  });

  test('stays below the root on Windows and names the same file there', () => {
    fc.assert(
      fc.property(pathArbitrary, (path) => {
        fc.pre(brokenPathRule(path) === undefined);
        expect(win32.resolve('D:\\root', path)).toBe(`D:\\root\\${path.replaceAll('/', '\\')}`);
        expect(path.split('/').map(openedByWindows)).toEqual(path.split('/'));
      }),
      { numRuns: 2000 },
    );
  });

  test('has nothing that breaks a terminal, a line or a header', () => {
    fc.assert(
      fc.property(pathArbitrary, (path) => {
        fc.pre(brokenPathRule(path) === undefined);
        expect(path.isWellFormed()).toBe(true);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(path).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });

  test.each([
    'a',
    'a/b c/d.txt',
    'Größe/ﬁ.bin',
    '.hidden',
    'a..b',
    '...a',
    'console',
    'com',
    'com10',
    'auxiliary.h',
    'nul_',
    '-rf',
    '~x',
    'what?',
    'a<b',
  ])('may be %j', (path) => {
    expect(parseRelativePath(path)).toBe(path);
  });
});

test('a plain path is judged as one is that needs a closer look', () => {
  const piece = fc.constantFrom(
    'a',
    'Con',
    'nul',
    'com1',
    'LPT',
    'aux',
    '-',
    '_',
    '.',
    ' ',
    '/',
    '.lockstep',
    ':',
    'x.y',
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
      const path = pieces.join('');
      const isBroken = (one: string) => brokenPathRule(one) !== undefined;
      expect(isBroken(path)).toBe(isBroken(`${path}/é`));
    }),
    { numRuns: 3000 },
  );
});

describe('refuses', () => {
  test.each([
    ['', 'empty'],
    ['/etc/passwd', 'absolute'],
    ['a//b', 'empty name'],
    ['a/', 'empty name'],
    ['../a', 'climbs'],
    ['a/../../b', 'climbs'],
    ['./a', 'climbs'],
    ['a\\b', 'backslash'],
    ['\\\\host\\share\\x', 'backslash'],
    ['C:/x', 'colon'],
    ['a:stream', 'colon'],
    ['a/b.', 'trailing dot'],
    ['a /b', 'trailing dot or space'],
    ['CON', 'device'],
    ['a/nul.txt', 'device'],
    ['aux .c', 'device'],
    ['Com1.log', 'device'],
    ['lpt³', 'device'],
    ['CONOUT$', 'device'],
    ['a\nb', 'control'],
    ['a\u007f', 'control'],
    ['a\u0090', 'control'],
    ['a\ud800', 'Unicode'],
    ['a\ufffd', 'Unicode'],
    ['x'.repeat(256), '255 bytes'],
    ['ä'.repeat(128), '255 bytes'],
    [Array(100).fill('x'.repeat(50)).join('/'), '4096 bytes'],
    ['.lockstep/staged', 'belongs to Lockstep'],
    ['.LockStep/staged', 'belongs to Lockstep'],
  ])('%j', (path, rule) => {
    expect(brokenPathRule(path)).toContain(rule);
    expect(() => parseRelativePath(path)).toThrow(PathRefused);
  });

  test('no folder of the name below the root that is not Lockstep’s own', () => {
    expect(brokenPathRule('a/.lockstep/b')).toBeUndefined();
  });
});

describe('the folded form of a path', () => {
  test('is one and the same for every spelling of one name', () => {
    const letterArbitrary = fc.string({
      unit: fc.oneof(
        fc.constantFrom('é', 'Å', 'ß', 'ẞ', 'Σ', 'ς', 'İ', 'ﬁ', 'K'),
        fc.string({ minLength: 1, maxLength: 1 }),
      ),
      maxLength: 8,
    });
    fc.assert(
      fc.property(letterArbitrary, (name) => {
        const folded = foldPath(name);
        for (const alias of [
          folded,
          name.toUpperCase(),
          name.toLowerCase(),
          name.normalize('NFD'),
          name.normalize('NFC'),
        ]) {
          expect(foldPath(alias)).toBe(folded);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('is that of the composed name, also where upper case would take a letter apart', () => {
    const apart = '\u1f80\u0301';
    expect(foldPath(apart)).toBe(foldPath(apart.normalize('NFC')));
  });

  test('does not depend on what follows a letter', () => {
    expect(foldPath('ΝΌΜΟΣ.lic')).toBe(`${foldPath('ΝΌΜΟΣ')}.lic`);
  });

  test('keeps different names apart', () => {
    expect(foldPath('a/b')).not.toBe(foldPath('a/c'));
    expect(foldPath('o')).not.toBe(foldPath('ö'));
  });
});

test.each(['<', '>', '"', '|', '?', '*'])('Windows cannot store %s in a name', (character) => {
  expect(isStorableOnWindows(`a${character}b`)).toBe(false);
  expect(isStorableOnWindows('a-b')).toBe(true);
});

/** The name that Windows really opens, by Microsoft's naming rules: devices, streams, dropped dots and spaces. */
function openedByWindows(name: string): string {
  const bare = (name.split(':')[0] ?? '').replace(/[. ]+$/, '');
  const stem = (bare.split('.')[0] ?? '').trimEnd().toUpperCase();
  const digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '¹', '²', '³'];
  const devices = [
    'CON',
    'PRN',
    'AUX',
    'NUL',
    'CONIN$',
    'CONOUT$',
    ...digits.flatMap((digit) => [`COM${digit}`, `LPT${digit}`]),
  ];
  return devices.includes(stem) ? `\\\\.\\${stem}` : bare;
}
