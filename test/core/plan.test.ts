import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import {
  decodePart,
  encodePart,
  hasChanges,
  operationSchema,
  type Plan,
  type PlanPart,
  planDigest,
  planSchema,
  shortCode,
} from '#core/plan.ts';
import { DESTINATION, digest, OTHER_SYNC, PART_HEADER, POLICY, plannedChanges, samplePlan, server } from './samples.ts';
import { expectToDetectEveryFlippedBit, rewriteLines } from './tampering.ts';

const content = { class: 'firmware', mode: 0o644, mtime: 7, sha256: digest('new'), size: 3 };
const former = { sha256: digest('former'), size: 6 };
const part: PlanPart = {
  header: PART_HEADER,
  operations: [
    { change: 'create', path: parseRelativePath('a'), ...content },
    { change: 'create-folder', path: 'b/' },
    { change: 'update', path: parseRelativePath('c'), ...content, former },
    { change: 'remove', path: parseRelativePath('d'), class: 'firmware', former },
  ],
};
const stored = { ...encodePart(part), decode: decodePart };

describe('the part of a plan for one destination', () => {
  test('comes back from its bytes as it was', () => {
    expect(decodePart(stored.bytes, stored.digest)).toEqual(part);
  });

  test('has the same digest whatever the order of its fields', () => {
    const header = Object.fromEntries(Object.entries(part.header).toReversed()) as typeof part.header;
    const operations = part.operations.map((one) => Object.fromEntries(Object.entries(one).toReversed()) as typeof one);
    expect(encodePart({ operations, header }).digest).toBe(stored.digest);
  });

  test('has another digest after any change of its header', () => {
    const change: { [Field in keyof typeof PART_HEADER]?: unknown } = {
      sync: OTHER_SYNC,
      server: 'north/line-2',
      source: 'lab/other',
      sourceManifest: digest('1'),
      destinationManifest: digest('2'),
      stateBefore: digest('3'),
      stateAfter: digest('4'),
      snapshot: digest('5'),
      profile: digest('6'),
      mode: 'mirror',
    };
    expect(Object.keys(change).toSorted()).toEqual(
      Object.keys(PART_HEADER)
        .filter((key) => key !== 'format')
        .toSorted(),
    );
    for (const [field, value] of Object.entries(change)) {
      const header = { ...PART_HEADER, [field]: value } as typeof PART_HEADER;
      expect(encodePart({ ...part, header }).digest, field).not.toBe(stored.digest);
    }
  });

  test('has another digest after any change of an operation', () => {
    const change = {
      change: 'create',
      class: 'module',
      mode: null,
      mtime: 8,
      path: 'c2',
      sha256: digest('x'),
      size: 4,
      former: { ...former, size: 7 },
    };
    for (const [field, value] of Object.entries(change)) {
      const operations = part.operations.map((one) =>
        one.change === 'update' ? ({ ...one, [field]: value } as typeof one) : one,
      );
      expect(encodePart({ ...part, operations }).digest, field).not.toBe(stored.digest);
    }
  });
});

describe('a part from the store is refused', () => {
  test('with any bit flipped', () => {
    expectToDetectEveryFlippedBit({
      ...encodePart({ ...part, operations: part.operations.slice(0, 2) }),
      decode: decodePart,
    });
  });

  test.each<[string, (lines: readonly string[]) => readonly string[], RegExp]>([
    ['without a line', () => [], /empty/],
    ['out of order', ([first = '', ...rest]) => [first, ...rest.toReversed()], /out of order/],
    ['with a path twice', (lines) => [...lines, lines.at(-1) ?? ''], /out of order/],
    ['with an unknown field', (lines) => lines.map((line) => line.replace('{', '{"hook":"x",')), /[Uu]nrecognized/],
    ['with a change that is none', (lines) => lines.map((line) => line.replace('create-folder', 'chmod')), /change/],
    ['that writes a license', (lines) => lines.map((line) => line.replace('firmware', 'license')), /never written/],
    [
      'that removes an identity',
      (lines) => lines.map((line) => line.replace('firmware","former', 'identity","former')),
      /never written/,
    ],
    [
      'with a path that climbs',
      (lines) => lines.map((line) => line.replace('"path":"d"', '"path":"d/../../x"')),
      /climbs/,
    ],
    [
      'that writes where the agent stages',
      (lines) => lines.map((line) => line.replace('"path":"a"', '"path":".lockstep/a"')),
      /belongs to Lockstep/,
    ],
    ['with a folder that climbs', (lines) => lines.map((line) => line.replace('"b/"', '"b/../../"')), /path rule/],
  ])('%s', (_, rewrite, problem) => {
    const read = rewriteLines(stored, rewrite);
    expect(read).toThrow(InvalidDocument);
    expect(read).toThrow(problem);
  });
});

test('an update without what was there before is none', () => {
  expect(operationSchema.safeParse({ change: 'update', path: 'c', ...content }).success).toBe(false);
});

describe('the digest of a plan', () => {
  const destinations = [
    plannedChanges('north/line-1', digest('1')),
    plannedChanges('north/line-2', digest('2')),
    plannedChanges('south/line-1', digest('3')),
    { outcome: 'offline', server: server('south/line-2'), detail: 'silent' } as const,
  ];
  const plan = samplePlan({ destinations });

  test('is the same whatever the order of the destinations', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(destinations, { minLength: destinations.length }), (shuffled) => {
        expect(planDigest({ ...plan, destinations: shuffled })).toBe(plan.digest);
      }),
    );
  });

  test.each<[string, Partial<Plan>]>([
    ['the sync', { sync: OTHER_SYNC }],
    ['the expiry', { expiresAt: '2026-01-03T03:05:01Z' }],
    ['the mode', { policy: { ...POLICY, mode: 'mirror' } }],
    ['the classes', { policy: { ...POLICY, only: ['firmware'] } }],
    ['the shrink guard', { policy: { ...POLICY, allowShrink: true } }],
    ['a dry run', { policy: { ...POLICY, dryRun: true } }],
    ['the approvals needed', { policy: { ...POLICY, approvals: 2 } }],
    ['who may approve', { policy: { ...POLICY, requesterMayApprove: true } }],
    ['one destination less', { destinations: destinations.slice(1) }],
    ['one destination more', { destinations: [...destinations, plannedChanges('south/line-3', digest('4'))] }],
    ['another part', { destinations: [plannedChanges('north/line-1', digest('other')), ...destinations.slice(1)] }],
    [
      'parts exchanged',
      {
        destinations: [
          plannedChanges('north/line-1', digest('2')),
          plannedChanges('north/line-2', digest('1')),
          ...destinations.slice(2),
        ],
      },
    ],
  ])('changes with %s', (_, change) => {
    expect(planDigest({ ...plan, ...change })).not.toBe(plan.digest);
  });

  test('has a short form to read aloud', () => {
    expect(shortCode(plan.digest)).toBe(`${plan.digest.slice(0, 4)}-${plan.digest.slice(4, 8)}`);
  });
});

test('a plan comes back from its bytes, and refuses a field that it does not know', () => {
  const plan = samplePlan();
  expect(parseDocument('plan', planSchema, encodeDocument(plan))).toEqual(plan);
  expect(() => parseDocument('plan', planSchema, encodeDocument({ ...plan, hook: 'x' }))).toThrow(InvalidDocument);
});

test('a plan has changes when one destination has', () => {
  expect(hasChanges(samplePlan())).toBe(true);
  expect(hasChanges(samplePlan({ destinations: [{ outcome: 'offline', server: DESTINATION, detail: '' }] }))).toBe(
    false,
  );
});
