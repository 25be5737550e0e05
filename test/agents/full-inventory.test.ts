import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeStatColumns, encodeStatColumns } from '#agents/stat-columns.ts';
import type { Sha256 } from '#core/digest.ts';
import type { InventoryReceipt } from '#core/receipt.ts';
import { writeTree } from '#test/support/trees.ts';
import { Control, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

/** What nothing hashes to: a scan that says it has trusted the memory. */
const FORGED = '7'.repeat(64) as Sha256;

/** No file of a test is older than this clock's last two seconds. */
const SETTLED = () => new Date(Date.now() + 10_000);

/** As if a disk had lost bits of every file: their stat tells nothing. */
function forge(stateFolder: string, root: string): void {
  const path = join(stateFolder, 'stat-index');
  const columns = decodeStatColumns(path, readFileSync(path), root);
  const digests = Buffer.alloc(columns.digests.length, FORGED, 'hex');
  writeFileSync(path, encodeStatColumns({ ...columns, digests, whole: { ...columns.whole, rest: FORGED } }, root));
}

async function start() {
  const control = new Control();
  const [root, stateFolder] = [testFolder(), testFolder()];
  writeTree(root, { 'a.ini': 'a', 'firmware/f.bin': 'f', 'x.lic': 'license' });
  control.start(SOURCE, root, { stateFolder, now: SETTLED });
  const inventory = async (full?: true) => {
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: false, ...(full && { full }) });
    return (await control.receipt(order)) as InventoryReceipt;
  };
  return { inventory, root, stateFolder };
}

describe('an inventory', () => {
  it('that is to be full reads every file, whatever is remembered, and says so', async () => {
    const { inventory, root, stateFolder } = await start();
    const { summary } = await inventory();
    forge(stateFolder, root);
    expect((await inventory()).summary.state).not.toBe(summary.state);
    expect(await inventory(true)).toMatchObject({ full: true, summary: { state: summary.state } });
  });

  it('that is not to be full does not say that it was', async () => {
    const { inventory } = await start();
    expect(await inventory()).not.toHaveProperty('full');
  });

  it('that was full is remembered like any other', async () => {
    const { inventory, root, stateFolder } = await start();
    await inventory();
    forge(stateFolder, root);
    const { summary } = await inventory(true);
    expect((await inventory()).summary.state).toBe(summary.state);
  });
});
