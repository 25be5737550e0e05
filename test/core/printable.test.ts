import { describe, expect, it } from 'vitest';
import { printable } from '#core/printable.ts';

describe('text from outside', () => {
  it('can neither break a line, drive a terminal nor reorder what is read', () => {
    expect(printable('a\r\nb\u001b[2J\u009b\u2028\u202e\ud800\u{e0041}')).toBe(
      'a\\u{d}\\u{a}b\\u{1b}[2J\\u{9b}\\u{2028}\\u{202e}\\u{d800}\\u{e0041}',
    );
  });

  it('stays as it is in every script', () => {
    const text = 'Größe — конфигурация ファイル ശ്രീ\u200dന 👍';
    expect(printable(text)).toBe(text);
  });
});
