import { describe, expect, test } from 'vitest';
import { type Baseline, type Left, nextBaseline } from '#core/baseline.ts';
import { createSyncId } from '#core/sync.ts';
import { DESTINATION, digest, SOURCE, server } from './samples.ts';

const [FIRST, SECOND] = ['2026-01-02T03:00:00.000Z', '2026-01-02T04:00:00.000Z'] as const;

function left(at: string, change: Partial<Left> = {}): Left {
  return {
    server: DESTINATION,
    source: SOURCE,
    at,
    planned: { manifest: digest(`before ${at}`), sourceClasses: ['configuration'] },
    part: { sync: createSyncId(new Date(at), 'b2c3d'), part: digest(`part ${at}`) },
    state: digest(`state ${at}`),
    isPartial: false,
    ...change,
  };
}

function baselineOf(...all: Left[]): Baseline | undefined {
  return all.reduce<Baseline | undefined>(nextBaseline, undefined);
}

describe('what syncs have left at a server', () => {
  test('is what the last one found, and what it did', () => {
    const { manifest, sourceClasses } = left(SECOND).planned ?? {};
    expect(baselineOf(left(FIRST), left(SECOND))).toMatchObject({
      ...{ manifest, sourceClasses, since: SECOND, at: SECOND },
      parts: [left(SECOND).part],
      state: digest(`state ${SECOND}`),
    });
  });

  test('is what was found, where there was nothing to do', () => {
    expect(baselineOf(left(FIRST, { part: undefined }))).toMatchObject({
      parts: [],
      manifest: left(FIRST).planned?.manifest,
    });
  });

  test('does not go back when an older sync reports later', () => {
    expect(baselineOf(left(SECOND), left(FIRST))).toEqual(baselineOf(left(SECOND)));
  });

  test('keeps what is known of other classes after a sync of some', () => {
    const base = baselineOf(left(FIRST));
    expect(baselineOf(left(FIRST), left(SECOND, { isPartial: true }))).toEqual({
      ...base,
      at: SECOND,
      parts: [left(FIRST).part, left(SECOND).part],
      state: null,
    });
    expect(baselineOf(left(FIRST), left(SECOND, { isPartial: true, part: undefined }))).toEqual(base);
  });

  test('names the source of the newest sync, and its classes', () => {
    const planned = { manifest: digest('unused'), sourceClasses: ['firmware'] };
    const other = left(SECOND, { isPartial: true, source: server('lab/other'), planned });
    expect(baselineOf(left(FIRST), other)).toMatchObject({ source: 'lab/other', sourceClasses: ['firmware'] });
    expect(baselineOf(left(FIRST), { ...other, planned: undefined })).toMatchObject({
      source: SOURCE,
      sourceClasses: ['configuration'],
    });
  });

  test('begins anew with a sync of some classes where nothing is known yet, or too many have come', () => {
    expect(baselineOf(left(FIRST, { isPartial: true }))).toMatchObject({ since: FIRST, parts: [left(FIRST).part] });
    const times = Array.from({ length: 21 }, (_, index) => new Date(Date.parse(FIRST) + index).toISOString());
    const [last = ''] = times.slice(-1);
    expect(baselineOf(...times.map((at) => left(at, { isPartial: true })))).toMatchObject({
      since: last,
      parts: [left(last).part],
    });
  });

  test('is not known after a rollback that nothing is known before', () => {
    const rollback = left(SECOND, { isPartial: true, planned: undefined });
    expect(baselineOf(rollback)).toBeUndefined();
    expect(baselineOf(left(FIRST), rollback)?.parts).toHaveLength(2);
    expect(baselineOf(left(FIRST), { ...rollback, isPartial: false })).toBeUndefined();
  });
});
