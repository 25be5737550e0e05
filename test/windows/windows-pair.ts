import { join } from 'node:path';
import { loadProfile } from '#adapters/profile-file.ts';
import { type Tree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, SOURCE } from '../agents/control.ts';
import { testFolder } from '../agents/test-folder.ts';
import { type MeetingStore, openFolder, publishControlKey } from './meeting-store.ts';
import { WindowsServer } from './windows-server.ts';

export interface WindowsPair {
  readonly control: Control;
  /** The source's root, on Linux: it can hold what Windows cannot. */
  readonly source: string;
  readonly destination: WindowsServer;
}

/** A source in this process, a destination on Windows that runs, and orders by hand. */
export async function beginPair(ours: Tree, theirs: Tree, meeting?: MeetingStore): Promise<WindowsPair> {
  const source = join(testFolder(), 'source');
  writeTree(source, ours);
  const { store, url } = meeting ?? (await openFolder());
  const control = new Control(store);
  await publishControlKey(store, control.signer);
  const destination = await WindowsServer.enrol(DESTINATION, theirs, url);
  await control.adopt(DESTINATION);
  control.start(SOURCE, source, { profile: await loadProfile('generic') });
  destination.start();
  return { control, source, destination };
}
