import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { keys, parseContentKey } from '#core/keys.ts';
import { judgeObject, sweepMarksSchema } from '#core/sweep.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const ageArbitrary = fc.option(fc.integer({ min: -1000, max: 100_000 }), { nil: undefined });

test('an object is removed only when nothing leads to it, and it has been marked for the grace', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), ageArbitrary, fc.nat(50_000), (isNeeded, isHeld, age, grace) => {
      const markedAt = age === undefined ? undefined : new Date(NOW.getTime() - age).toISOString();
      const fate = judgeObject({ isNeeded, isHeld, markedAt }, NOW, grace);
      expect(fate === 'kept').toBe(isNeeded);
      expect(fate === 'due').toBe(!isNeeded && !isHeld && (age ?? 0) >= grace);
      expect(fate === 'marked').toBe(!isNeeded && fate !== 'due' && age === undefined);
    }),
  );
});

test('only snapshots, indexes and packs can be marked', () => {
  const digest = sha256('a');
  for (const kind of ['snapshot', 'index', 'pack'] as const) {
    expect(parseContentKey(keys[kind](digest))).toEqual({ kind, digest });
  }
  for (const key of [
    `packs/${digest}`,
    `packs/00/${digest}`,
    'snapshots/x',
    `x/${digest}`,
    digest,
    'fleet/fleet.json',
  ]) {
    expect(parseContentKey(key), key).toBeUndefined();
    const marks = { format: 'lockstep-sweep-marks/1', marks: { [key]: NOW.toISOString() } };
    expect(sweepMarksSchema.safeParse(marks).success).toBe(false);
  }
});
