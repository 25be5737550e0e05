/**
 * Text from outside in a form that cannot move the cursor, recolour, reorder or break a line: control, format and
 * separator characters and lone surrogates become \u{…}. The joiners that some scripts need stay.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|(?![\u200c\u200d])\p{Cf}/gu;
