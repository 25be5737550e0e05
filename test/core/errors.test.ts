import { expect, test } from 'vitest';
import * as z from 'zod';
import { parseDocument } from '#core/documents.ts';
import * as errors from '#core/errors.ts';

type ErrorClass = new (...words: string[]) => errors.LockstepError;

const classes = Object.values<unknown>(errors).filter(
  (one): one is ErrorClass => typeof one === 'function' && one !== errors.LockstepError,
);

test('every error has its class’s name as a literal, and every name has a class', () => {
  const made = classes.map((one) => [one.name, new one('a', 'b').name]);
  expect(made.map(([, name]) => name).toSorted()).toEqual([...errors.ERROR_NAMES]);
  expect(made.filter(([declared, name]) => declared !== name)).toEqual([]);
});

test('an error keeps what caused it', () => {
  const cause = new Error('disk');
  expect(new errors.StoreTransient('a/b', 'it is full', { cause })).toMatchObject({ cause, key: 'a/b' });
  expect(new errors.OrderRefused('NO_SPACE', 'no', { cause })).toMatchObject({ cause, reason: 'NO_SPACE' });
  expect(new errors.InvalidDocument('plan', 'it is empty', { cause })).toMatchObject({ cause, what: 'plan' });
});

test('what is wrong with a document is said in bounded length, however much of it the document itself wrote', () => {
  const hostile = Buffer.from(JSON.stringify({ ['k'.repeat(100_000)]: 1 }));
  expect(() => parseDocument('receipt', z.strictObject({}), hostile)).toThrow(/^receipt is not valid: .{100,1100}$/);
});
