import { describe, expect, test } from 'vitest';
import { toStoreError } from '#adapters/file-errors.ts';
import { StorePermanent, StorePrecondition, StoreTransient } from '#core/errors.ts';

describe('the file system', () => {
  test.each([
    ['ENOSPC', StorePermanent, 'store object a/b: the disk is full'],
    ['EACCES', StorePermanent, 'no permission'],
    ['EROFS', StorePermanent, 'the disk is read-only'],
    ['ENOTSUP', StorePermanent, 'no hard links'],
    ['EIO', StorePermanent, 'the file system failed (EIO: and its own words)'],
    ['EMFILE', StoreTransient, 'too many files open'],
    ['EAGAIN', StoreTransient, 'short of resources'],
    ['EBUSY', StoreTransient, 'another program has it open'],
    ['ENOENT', StoreTransient, 'vanished'],
  ])('that fails with %s is a store error in plain words', (code, expected, words) => {
    const cause = Object.assign(new Error(`${code}: and its own words`), { code });
    const error = toStoreError('a/b', cause);
    expect(error).toBeInstanceOf(expected);
    expect(error.message).toContain(words);
    expect(error.cause).toBe(cause);
  });

  test('that was not even asked leaves a store error as it is', () => {
    const error = new StorePrecondition('a', 'it exists already');
    expect(toStoreError('a', error)).toBe(error);
  });
});
