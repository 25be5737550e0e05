import fc from 'fast-check';
import { expect, it } from 'vitest';
import { linePatch } from '#functions/console/line-patch.ts';

/** As assets/console.js does it. */
function patched(text: string, patch: ReturnType<typeof linePatch>): string {
  const lines = text.split('\n');
  for (const [at, removed, added] of [...patch].reverse()) lines.splice(at, removed, ...added);
  return lines.join('\n');
}

it('makes one text of the other', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map((lines) => lines.join('\n'));
  const property = fc.property(text, text, (one, other) => {
    expect(patched(one, linePatch(one, other))).toBe(other);
  });
  fc.assert(property);
});

it('says only what has changed', () => {
  expect(linePatch('a\nb\nc\nd', 'a\nB\nc\nd')).toEqual([[1, 1, ['B']]]);
  expect(linePatch('a\nb', 'a\nb')).toEqual([]);
  expect(linePatch('a\nb\nc', 'x\na\nc')).toEqual([
    [0, 0, ['x']],
    [1, 1, []],
  ]);
});
