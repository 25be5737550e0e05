import { describe, expect, test } from 'vitest';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { createManifest } from '#core/manifest.ts';
import { type InventoryReceipt, signedReceiptSchema, summaryIn, toBrief } from '#core/receipt.ts';
import { isSignedBy, sign } from '#core/signed.ts';
import { syncIdSchema } from '#core/sync.ts';
import { createTestSigner, DESTINATION, digest } from './samples.ts';

const signer = createTestSigner();
const { summary } = createManifest(digest('profile'), [
  { kind: 'folder', path: 'empty/' },
  { kind: 'link', path: 'shortcut' },
]);

function receiptOf(
  said: InventoryReceipt['summary'],
  facts: Partial<InventoryReceipt['facts']> = {},
): InventoryReceipt {
  return {
    format: 'lockstep-receipt/1',
    order: 'order',
    sync: syncIdSchema.parse('20260102T030405Z-00c0ffee'),
    server: DESTINATION,
    step: 'inventory',
    outcome: 'DONE',
    startedAt: '2026-01-02T03:04:05Z',
    finishedAt: '2026-01-02T03:04:06Z',
    summary: said,
    bytesUploaded: 0,
    facts: { platform: 'linux', freeBytes: 1, ...facts },
  };
}

describe('the summary of a manifest in a receipt', () => {
  test('says nothing of kinds of which there are none, and means the same', () => {
    const brief = toBrief(summary);
    expect(brief).toMatchObject({ artifacts: 0, bytes: 0, protected: 0, folders: 1, links: 1 });
    for (const kind of ['special', 'unnameable', 'unrecognised']) expect(brief).not.toHaveProperty(kind);
    expect(summaryIn({ summary: brief })).toEqual(summary);
  });

  test.each([
    ['briefly', receiptOf(toBrief(summary))],
    ['in full, as an agent did before', receiptOf(summary, { foldsNames: false, windowsNames: false })],
  ])('is proved and read when it is said %s', async (_, receipt) => {
    const travelled = parseDocument('receipt', signedReceiptSchema, encodeDocument(await sign(receipt, signer)));
    expect(isSignedBy(travelled, signer.publicKey)).toBe(true);
    expect(summaryIn(travelled.payload as InventoryReceipt)).toEqual(summary);
  });
});
