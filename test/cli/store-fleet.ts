import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { encodeDocument } from '#core/documents.ts';
import { type Fleet, fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { publishControlKey } from '#functions/control-key.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { runCaptured } from './captured-cli.ts';

/** A controller, a source, and a destination that lacks one of its files, on a directory store. */
export async function startStoreFleet(settings: Partial<Fleet> = {}) {
  const folder = await temporaryFolder();
  const place = join(folder, 'store');
  const fleet = new FakeFleet(await DirectoryStore.open(place));
  const sites = { west: { servers: ['primary', 'backup'] } };
  await fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites, ...settings })));
  await publishControlKey(fleet.store, fleet.signer.publicKey);
  const same = [file('common.cfg', 'same'), file('licenses/server.lic', 'mine', 'license')];
  const source = await fleet.add('west/primary', [...same, file('termcap/terminals.db', 'new', 'termcap')]);
  const destination = await fleet.add('west/backup', same);
  await fleet.start();
  onTestFinished(() => fleet.end());
  await mkdir(join(folder, 'state'));
  const options = { stateFolder: join(folder, 'state'), storeUrl: pathToFileURL(place).href };
  const sync = async (wish: Parameters<FakeFleet['request']>[0] = {}): Promise<SyncVerdict> => {
    const id: SyncId = await fleet.request({ notify: [], timeouts: PATIENT, ...wish });
    // There may be nothing to decide on.
    if (wish.policy?.dryRun !== true) await fleet.vote(id, 'APPROVED').catch(() => undefined);
    return await fleet.verdict(id);
  };
  const run = (...words: string[]) => runCaptured(words, options);
  const runJson = async (...words: string[]) => {
    const { err, exitStatus, out } = await run(...words, '--json');
    return { exitStatus, err, document: out === '' ? undefined : JSON.parse(out) };
  };
  return { destination, fleet, run, runJson, source, sync };
}

/** Nobody is offline because the machine is slow. */
const PATIENT = { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 };

/** For whom somebody is to be offline soon. */
export const IMPATIENT = { ...PATIENT, offlineSeconds: 1 };
